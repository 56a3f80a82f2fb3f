// @ts-check
import { h } from './dom.js'
import { linePath, sum } from './figures.js'
import { silence } from './keys.js'
import { fill, numbers, text } from './strings.js'
import { svg } from './svg.js'
import { brief } from './times.js'

/** The last 30 days as a line, and the calls of today; src/calls.rs draws the same. @param {readonly number[]} days */
export function callsOf(days) {
  const [today, all] = [days[days.length - 1], sum(days)].map(number => numbers.format(number))
  return h('span', { class: all === '0' ? 'spark muted' : 'spark', title: fill(text.callsAll, { number: all }) },
    svg('svg', { viewBox: '0 0 116 20', 'aria-hidden': 'true' }, svg('path', { d: linePath(days) })),
    h('span', {}, fill(text.callsToday, { number: today })), h('span', { class: 'visually-hidden' }, `, ${fill(text.callsAll, { number: all })}`))
}

/** Of a key that was replaced, when it was called last, or that nothing calls it any more. @param {Key} key @param {Key | undefined} successor @param {number} now */
export function silenceIn(key, successor, now) {
  switch (silence(key, successor, now)) {
    case 'used': return h('span', { class: 'soon' }, fill(text.stillUsed, { ago: brief(`${key.lastUsedAt}`, now) }))
    case 'silent': return h('span', { title: text.silentWhy }, text.safeToRevoke)
    default: return null
  }
}
