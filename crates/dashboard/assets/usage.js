// @ts-check
// How much a key is used, or all keys of an owner, and why calls were refused.
import { ApiError } from './answer.js'
import { serverNow } from './clock.js'
import { copyButton } from './copy.js'
import { h } from './dom.js'
import { barsOf, beginOf, bucketsOf, reasonsOf, refusalOf, sum } from './figures.js'
import { errorNotice } from './problem.js'
import { fill, locale, numbers, plural, text } from './strings.js'
import { svg } from './svg.js'
import { exact } from './times.js'

const words = text.usage
/** @type {Record<keyof typeof words.periods, { by: UsageBody['by'], count: number }>} */
const PERIODS = { days: { by: 'day', count: 30 }, hours: { by: 'hour', count: 48 }, months: { by: 'day', count: 90 } }
const [BAR, HEIGHT] = [10, 112]

/** The usage that `source` has, and the refusals of a key. @param {Speaker} page @param {UsageSource} source */
export function usageOf(page, source) {
  const figures = h('div', { class: 'figures', 'aria-busy': 'true' }, h('p', { class: 'muted' }, words.loading))
  const select = h('select', { id: 'period', class: 'input', onchange: () => show() },
    Object.entries(words.periods).map(([value, label]) => h('option', { value }, label)))
  let { first } = source
  const refusals = source.refusals && refusalsOf(page, source.refusals)
  async function show() {
    const chosen = /** @type {keyof typeof PERIODS} */ (select.value)
    const { by, count } = PERIODS[chosen]
    const now = serverNow()
    figures.setAttribute('aria-busy', 'true')
    try {
      const query = new URLSearchParams({ by, from: new Date(beginOf(by, count, now)).toISOString() })
      const usage = first ?? await source.usage(`${query}`)
      first = undefined
      const buckets = bucketsOf(usage, count, now)
      // Another period may be chosen by now.
      if (chosen !== select.value) return
      figures.replaceChildren(...drawn(buckets, by), ...creditsLeft(source.credits ?? null, sum(buckets.map(it => it.cost))))
    } catch (thrown) {
      figures.replaceChildren(failed(page, thrown, show))
    }
    figures.setAttribute('aria-busy', 'false')
  }
  show()
  return h('div', { class: 'usage' },
    h('div', { class: 'period' }, h('label', { class: 'visually-hidden', for: 'period' }, words.period), select), figures, refusals)
}

/** @param {Speaker} page @param {unknown} thrown @param {() => void} again */
const failed = (page, thrown, again) => h('div', { class: 'problem-place', role: 'alert' }, errorNotice(page, ApiError.of(thrown), []),
  h('button', { type: 'button', class: 'button', onclick: again }, text.retry))

/** @param {Bucket[]} buckets @param {UsageBody['by']} by */
function drawn(buckets, by) {
  const [accepted, refused] = [sum(buckets.map(it => it.accepted)), sum(buckets.map(it => it.refused))]
  const when = momentOf(by)
  if (accepted + refused === 0) return [h('p', { class: 'muted' }, words.none)]
  const reasons = reasonsOf(buckets)
  return [
    h('p', {}, h('strong', {}, plural(words.accepted, accepted)), ', ', h('strong', {}, plural(words.refused, refused))),
    chart(buckets, when),
    reasons.length > 0 && h('ul', { class: 'chips', role: 'list', 'aria-label': words.reasonsTitle },
      reasons.map(([reason, calls]) => h('li', { class: 'chip' }, `${words.reasons[reason]}: ${numbers.format(calls)}`))),
    h('details', { class: 'advanced' }, h('summary', {}, words.asTable), table(buckets.filter(it => it.accepted + it.refused > 0), by, when)),
  ].filter(it => it !== false)
}

/** Days are those of UTC, hours the reader's. @param {UsageBody['by']} by @returns {(at: number) => string} */
function momentOf(by) {
  const format = new Intl.DateTimeFormat(locale, by === 'day' ? { dateStyle: 'medium', timeZone: 'UTC' } : { dateStyle: 'medium', timeStyle: 'short' })
  return at => format.format(new Date(at))
}

/** @param {Bucket[]} buckets @param {(at: number) => string} when */
function chart(buckets, when) {
  const { line, bars } = barsOf(buckets, HEIGHT)
  const width = BAR * buckets.length
  const drawing = bars.map(({ up, down }, at) => {
    const { start, accepted, refused } = buckets[at]
    const bar = (/** @type {string} */ kind, /** @type {number} */ y, /** @type {number} */ height) =>
      svg('rect', { class: kind, x: BAR * at + 1.5, y, width: BAR - 3, height })
    return svg('g', {}, svg('title', {}, `${when(start)}: ${plural(words.accepted, accepted)}, ${plural(words.refused, refused)}`),
      // What the pointer finds, however low the bars are.
      svg('rect', { class: 'column', x: BAR * at, y: 0, width: BAR, height: HEIGHT }),
      ...(up ? [bar('accepted', line - up, up)] : []), ...(down ? [bar('refused', line + 1, down)] : []))
  })
  return h('figure', { class: 'chart' },
    svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': words.chart }, ...drawing,
      svg('rect', { class: 'line', x: 0, y: line, width, height: 1 })),
    h('figcaption', {}, h('span', {}, when(buckets[0].start)), h('span', {}, words.legend), h('span', {}, when(buckets[buckets.length - 1].start))))
}

/** @param {Bucket[]} buckets @param {UsageBody['by']} by @param {(at: number) => string} when */
function table(buckets, by, when) {
  const head = [words.by[by], words.columns.accepted, words.columns.cost, words.columns.refused]
  const why = (/** @type {Bucket} */ bucket) => reasonsOf([bucket]).map(([reason, calls]) => `${words.reasons[reason]}: ${numbers.format(calls)}`).join(', ')
  return rows(head, buckets.toReversed().map(bucket =>
    [when(bucket.start), numbers.format(bucket.accepted), numbers.format(bucket.cost), why(bucket) || '0']))
}

/** A table that is narrow: a row is a few lines. @param {string[]} head @param {Content[][]} lines @param {Attributes} attributes */
const rows = (head, lines, attributes = {}) => h('table', { class: 'table history', role: 'table', ...attributes },
  h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head.map(label => h('th', { role: 'columnheader', scope: 'col' }, label)))),
  h('tbody', { role: 'rowgroup' }, lines.map(cells =>
    h('tr', { role: 'row' }, cells.map((cell, at) => h('td', { role: 'cell', 'data-label': head[at] }, h('div', {}, cell)))))))

/** What is left, beside what was used meanwhile. @param {number?} left @param {number} spent */
function creditsLeft(left, spent) {
  if (left === null) return []
  const [shownLeft, shownSpent] = [left, spent].map(number => numbers.format(number))
  return [h('div', { class: 'left' }, h('span', { id: 'left' }, fill(words.creditsLeft, { left: shownLeft, spent: shownSpent })),
    h('meter', { 'aria-labelledby': 'left', min: 0, max: left + spent || 1, value: left }))]
}

/** The last refusals, and a field that explains one of them. @param {Speaker} page @param {() => Promise<Refusal[]>} load */
function refusalsOf(page, load) {
  /** @type {Refusal[]} */
  let known = []
  const list = h('div', { 'aria-busy': 'true' })
  const input = h('input', { id: 'request', class: 'input mono', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': 'request-hint' })
  const answer = h('p', { class: 'notice', role: 'status', hidden: true })
  const explain = async (/** @type {Event} */ event) => {
    event.preventDefault()
    if (input.value.trim() === '') return
    if (!refusalOf(known, input.value)) await show()
    const found = refusalOf(known, input.value)
    answer.hidden = false
    answer.textContent = found ? `${explained(found)} (${exact(found.at)})` : words.unknownRequest
  }
  async function show() {
    try {
      known = await load()
      list.replaceChildren(known.length > 0 ? listed(page, known) : h('p', { class: 'muted' }, words.noRefusals))
    } catch (thrown) {
      list.replaceChildren(failed(page, thrown, show))
    }
    list.setAttribute('aria-busy', 'false')
  }
  show()
  return h('section', { class: 'refusals', 'aria-labelledby': 'refusals' },
    h('h3', { id: 'refusals' }, words.refusals), h('p', { class: 'hint' }, words.refusalsHint),
    h('form', { class: 'field', novalidate: true, onsubmit: explain }, h('label', { for: 'request' }, words.why),
      h('div', { class: 'copy-row' }, input, h('button', { class: 'button' }, words.explain)), h('p', { id: 'request-hint', class: 'hint' }, words.whyHint), answer),
    list)
}

/** Why a call was refused, as a sentence. @param {Refusal} refusal */
const explained = ({ reason, address, required }) => {
  if (reason === 'network') return fill(words.because.network, { address: address ?? words.unknownAddress })
  return reason === 'scope' ? fill(words.because.scope, { required: required ?? '–' }) : words.because[reason]
}

/** @param {Speaker} page @param {Refusal[]} refusals */
function listed(page, refusals) {
  return rows([text.when, words.columns.reason, text.where, text.requestId], refusals.map(refusal => {
    const { at, reason, address, requestId } = refusal
    const code = h('code', {}, requestId ?? '–')
    return [h('time', { datetime: at }, exact(at)), [words.reasons[reason], h('span', { class: 'hint sentence' }, explained(refusal))], address ?? '–',
      [code, requestId !== null && copyButton({ label: text.copyRequestId, iconOnly: true, kind: 'quiet icon-only', what: () => requestId, shown: () => code, say: page.say })]]
  }), { 'aria-labelledby': 'refusals' })
}
