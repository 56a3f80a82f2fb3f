// @ts-check
// What drawings of usage are made from.
import { DAY, HOUR } from './times.js'

/** @type {Record<UsageBody['by'], number>} */
const LENGTHS = { hour: HOUR, day: DAY }

/** @param {readonly number[]} numbers */
export const sum = numbers => numbers.reduce((all, number) => all + number, 0)

/** The line of the last days in a box of 116 by 20; src/calls.rs draws the same. @param {readonly number[]} days */
export function linePath(days) {
  const most = Math.max(...days)
  const height = (/** @type {number} */ number) => most === 0 ? 18 : 18 - Math.floor(16 * number / most)
  return days.map((number, at) => `${at === 0 ? 'M' : 'L'}${4 * at} ${height(number)}`).join('')
}

/**
 * The hours or days up to now, of which an answer leaves out those without a call.
 * @param {UsageBody} usage @param {number} count @param {number} now @returns {Bucket[]}
 */
export function bucketsOf({ by, items }, count, now) {
  const length = LENGTHS[by]
  const last = Math.floor(now / length) * length
  const known = new Map(items.map(({ start, accepted, cost, refused }) => [Date.parse(start), { accepted, cost, reasons: refused }]))
  return Array.from({ length: count }, (_, at) => {
    const start = last - (count - 1 - at) * length
    const { accepted, cost, reasons } = known.get(start) ?? { accepted: 0, cost: 0, reasons: {} }
    return { start, accepted, cost, reasons, refused: sum(Object.values(reasons)) }
  })
}

/** When the first of so many hours or days begins. @param {UsageBody['by']} by @param {number} count @param {number} now */
export const beginOf = (by, count, now) => Math.floor(now / LENGTHS[by]) * LENGTHS[by] - (count - 1) * LENGTHS[by]

/** How many calls were refused for each reason, the most frequent first, and else by their names. @param {Bucket[]} buckets @returns {[Reason, number][]} */
export function reasonsOf(buckets) {
  /** @type {Map<Reason, number>} */
  const all = new Map()
  for (const { reasons } of buckets) {
    for (const [reason, calls] of /** @type {[Reason, number][]} */ (Object.entries(reasons))) all.set(reason, (all.get(reason) ?? 0) + calls)
  }
  return [...all].sort(([a, few], [b, many]) => many - few || (a < b ? -1 : 1))
}

/**
 * Bars of one scale in a height of `height`: accepted calls above a line, refused ones below it. What is there is at least 2 high.
 * @param {Bucket[]} buckets @param {number} height
 */
export function barsOf(buckets, height) {
  const most = (/** @type {'accepted' | 'refused'} */ what) => Math.max(...buckets.map(it => it[what]))
  const [above, below] = [most('accepted'), most('refused')]
  const unit = above + below === 0 ? 0 : (height - 4) / (above + below)
  const long = (/** @type {number} */ calls) => calls === 0 ? 0 : Math.max(2, Math.round(calls * unit))
  return { line: long(above) + 1, bars: buckets.map(({ accepted, refused }) => ({ up: long(accepted), down: long(refused) })) }
}

/**
 * The refusal that a request was answered with. People paste the id with blanks around it, or the whole header.
 * @template {{ requestId: string | null }} R @param {R[]} refusals @param {string} typed
 */
export function refusalOf(refusals, typed) {
  const id = typed.trim().replace(/^x-request-id:\s*/i, '').toLowerCase()
  return refusals.find(({ requestId }) => id !== '' && requestId?.toLowerCase() === id)
}
