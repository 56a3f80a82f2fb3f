import { locale, text } from './strings.js'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const UNITS = [['year', 365 * DAY], ['month', 30 * DAY], ['day', DAY], ['hour', HOUR], ['minute', MINUTE]]
const distance = new Intl.RelativeTimeFormat(locale, { numeric: 'always' })

/** "3 minutes ago", "in 7 days". What has passed counts when it is complete, what comes is rounded. */
export function relative(at, now) {
  const away = Date.parse(at) - now
  const whole = away < 0 ? Math.trunc : Math.round
  for (const [unit, size] of UNITS) {
    const count = whole(away / size)
    if (count !== 0 && (away < 0 || Math.abs(away) >= size - MINUTE)) return distance.format(count, unit)
  }
  return away < 0 ? text.justNow : text.inAMoment
}

/** The instant in local time, with its zone. */
export function exact(at) {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'long' }).format(new Date(at))
}

/** "37 seconds". */
export function seconds(count) {
  return new Intl.NumberFormat(locale, { style: 'unit', unit: 'second', unitDisplay: 'long' }).format(count)
}

/** The day alone, in local time. */
export function day(at) {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(new Date(at))
}

/** What is left until `end`, by its two largest units: "23 hr 59 min". */
export function countdown(end, now) {
  const left = Math.max(0, Date.parse(end) - now)
  const parts = [['day', Infinity, DAY], ['hour', 24, HOUR], ['minute', 60, MINUTE]]
    .map(([unit, most, size]) => [unit, Math.floor(left / size) % most])
  const first = parts.findIndex(([, count]) => count > 0)
  if (first < 0) return text.lessThanAMinute
  return parts.slice(first, first + 2).filter(([, count]) => count > 0).map(([unit, count]) =>
    new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short' }).format(count)).join(' ')
}

/** The last instant of a day that a date field names, in local time, as the API takes it. */
export function endOfDay(date) {
  const [year, month, dayOfMonth] = date.split('-').map(Number)
  return new Date(year, month - 1, dayOfMonth, 23, 59, 59, 999).toISOString()
}

/** The last day that is over by `end`, where the reader is, as a date field writes it. */
export function lastWholeDay(end) {
  const after = new Date(Date.parse(end) + 1)
  return dateField(new Date(after.getFullYear(), after.getMonth(), after.getDate()) - 1)
}

/** The day of `now` as a date field writes it, in local time. */
export function dateField(now) {
  const at = new Date(now)
  const two = number => String(number).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}
