// @ts-check
import { serverNow } from './clock.js'
import { h } from './dom.js'
import { fill, text } from './strings.js'
import { DAY, HOUR, MINUTE, dateField, day, endOfDay, exact, lastWholeDay } from './times.js'

// The end must be in the future when the server reads it.
const NOW = MINUTE / 6

/**
 * The choice of an expiry, first that of `key`, or none for a new key. A replaced key may only expire sooner. `value()` is
 * for the API, undefined if the day is missing, by the server's clock.
 * @param {Key?} key
 */
export function expiryField(key = null) {
  const choices = choicesFor(key)
  const last = key?.replacedBy && key.expiresAt ? lastWholeDay(key.expiresAt) : '9999-12-31'
  const select = h('select', { id: 'expiry', class: 'input', 'aria-describedby': 'expiry-hint' },
    choices.map(([value, label], at) => h('option', { value, selected: at === 0 }, label)))
  const date = h('input', { id: 'expiry-date', type: 'date', class: 'input', min: dateField(serverNow()), max: last, 'aria-describedby': 'expiry-problem' })
  const problem = h('p', { id: 'expiry-problem', class: 'problem' })
  const dateRow = h('div', { class: 'field', hidden: true }, h('label', { for: 'expiry-date' }, text.expiryDate), date, problem)
  const hint = h('p', { id: 'expiry-hint', class: 'hint', 'aria-live': 'polite' })

  /** @returns {string | null | undefined} */
  const value = () => {
    const ahead = (/** @type {number} */ time) => new Date(serverNow() + time).toISOString()
    switch (select.value) {
      case 'none': return null
      case 'keep': return key && key.expiresAt
      case 'now': return ahead(NOW)
      case 'hour': return ahead(HOUR)
      case 'date': return date.value && date.checkValidity() ? endOfDay(date.value) : undefined
      default: return ahead(Number(select.value) * DAY)
    }
  }
  const changed = () => {
    dateRow.hidden = select.value !== 'date'
    hint.textContent = select.value === 'now' ? text.expiryNow : explain(value())
    say('')
  }
  const say = (/** @type {string} */ message) => {
    problem.textContent = message
    date.setAttribute('aria-invalid', String(message !== ''))
  }
  select.addEventListener('change', changed)
  date.addEventListener('input', changed)
  changed()
  return {
    field: h('div', {}, h('div', { class: 'field' }, h('label', { for: 'expiry' }, text.expiry), select, hint), dateRow),
    value,
    isChanged: () => select.value !== choices[0][0],
    complain() {
      say(key?.replacedBy ? fill(text.expiryDateNearer, { last: day(endOfDay(last)) }) : text.expiryDateMissing)
      date.focus()
    },
  }
}

/** @param {Key?} key */
function choicesFor(key) {
  const presets = Object.entries(text.expiryPresets).sort(([a], [b]) => rank(a) - rank(b))
  if (!key?.expiresAt) return presets
  const keep = ['keep', fill(text.expiryKeep, { day: day(key.expiresAt) })]
  if (!key.replacedBy) return [keep, ...presets]
  const now = serverNow()
  const left = Date.parse(key.expiresAt) - now
  return [
    keep,
    left > NOW && ['now', text.expirySooner.now],
    left > HOUR && ['hour', text.expirySooner.hour],
    lastWholeDay(key.expiresAt) >= dateField(now) && presets[presets.length - 1],
  ].filter(choice => choice !== false)
}

/** No expiry first, then from near to far, then a day. */
const rank = (/** @type {string} */ value) => value === 'none' ? 0 : value === 'date' ? Infinity : Number(value)

/** @param {string | null | undefined} at */
function explain(at) {
  if (at === undefined) return ''
  if (at === null) return text.expiryNone
  return fill(Date.parse(at) <= serverNow() ? text.expiryPassed : text.expiryOn, { at: exact(at) })
}
