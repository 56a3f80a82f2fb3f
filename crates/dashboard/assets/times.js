// @ts-check
import { locale, plural, text } from './strings.js'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const UNITS = /** @type {const} */ ([['year', 365 * DAY], ['month', 30 * DAY], ['day', DAY], ['hour', HOUR], ['minute', MINUTE]])
const distance = new Intl.RelativeTimeFormat(locale, { numeric: 'always' })

/** "3 minutes ago", "in 7 days". @param {string} at @param {number} now */
export function relative(at, now) {
  return distanceTo(at, now, (unit, count) => distance.format(count, unit))
}

/** "3m ago", "in 7d", as `src/words.rs` has it, for tables. @param {string} at @param {number} now */
export function brief(at, now) {
  return distanceTo(at, now, (unit, count) => plural((count < 0 ? text.ago : text.away)[unit], Math.abs(count)))
}

/**
 * The past is rounded down, the future to the nearest.
 * @param {string} at @param {number} now @param {(unit: (typeof UNITS)[number][0], count: number) => string} written
 */
function distanceTo(at, now, written) {
  const away = Date.parse(at) - now
  const whole = away < 0 ? Math.trunc : Math.round
  for (const [unit, size] of UNITS) {
    const count = whole(away / size)
    if (count !== 0 && (away < 0 || Math.abs(away) >= size - MINUTE)) return written(unit, count)
  }
  return away < 0 ? text.justNow : text.inAMoment
}

/** The instant in local time, with its zone. @param {string | Date} at */
export function exact(at) {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'long' }).format(new Date(at))
}

/** "37 seconds". @param {number} count */
export function seconds(count) {
  return new Intl.NumberFormat(locale, { style: 'unit', unit: 'second', unitDisplay: 'long' }).format(count)
}

/** @param {string} at */
export function day(at) {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(new Date(at))
}

/** What is left until `end`, by its two largest units: "23h 59m". @param {string} end @param {number} now */
export function countdown(end, now) {
  const left = Math.max(0, Date.parse(end) - now)
  const parts = [text.left.day, text.left.hour, text.left.minute]
    .map((words, at) => ({ words, count: [Math.floor(left / DAY), Math.floor(left / HOUR) % 24, Math.floor(left / MINUTE) % 60][at] }))
  const first = parts.findIndex(({ count }) => count > 0)
  if (first < 0) return text.lessThanAMinute
  return parts.slice(first, first + 2).filter(({ count }) => count > 0).map(({ words, count }) => plural(words, count)).join(' ')
}

/** The last instant of a date field's day, in local time, for the API. @param {string} date */
export function endOfDay(date) {
  const [year, month, dayOfMonth] = date.split('-').map(Number)
  return new Date(year, month - 1, dayOfMonth, 23, 59, 59, 999).toISOString()
}

/** The last day that is over by `end`, in local time, for a date field. @param {string} end */
export function lastWholeDay(end) {
  const after = new Date(Date.parse(end) + 1)
  return dateField(new Date(after.getFullYear(), after.getMonth(), after.getDate()).getTime() - 1)
}

/** The day of `now`, in local time, for a date field. @param {number} now */
export function dateField(now) {
  const at = new Date(now)
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}
