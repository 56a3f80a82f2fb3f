import { h } from './dom.js'
import { text } from './strings.js'
import { DAY, dateField, endOfDay, exact } from './times.js'

/** The choice of an expiry: presets, or a day. `value()` is what the API takes, or undefined if a day is missing. */
export function expiryField(chosen = 'none') {
  const presets = Object.entries(text.expiryPresets)
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([value, label]) => h('option', { value, selected: value === chosen }, label))
  const select = h('select', { id: 'expiry', class: 'input', 'aria-describedby': 'expiry-hint' }, presets)
  const date = h('input', { id: 'expiry-date', type: 'date', class: 'input', min: dateField(Date.now()), max: '9999-12-31', 'aria-describedby': 'expiry-problem' })
  const dateRow = h('div', { class: 'field', hidden: true }, h('label', { for: 'expiry-date' }, text.expiryDate), date,
    h('p', { id: 'expiry-problem', class: 'problem' }))
  const hint = h('p', { id: 'expiry-hint', class: 'hint', 'aria-live': 'polite' })

  const value = () => {
    if (select.value === 'none') return null
    if (select.value !== 'date') return new Date(Date.now() + select.value * DAY).toISOString()
    return date.value && date.checkValidity() ? endOfDay(date.value) : undefined
  }
  const changed = () => {
    dateRow.hidden = select.value !== 'date'
    const at = value()
    hint.textContent = at === null ? text.expiryNone : at ? text.expiryOn(exact(at)) : ''
    say('')
  }
  const say = problem => {
    dateRow.lastChild.textContent = problem
    date.setAttribute('aria-invalid', String(problem !== ''))
  }
  select.addEventListener('change', changed)
  date.addEventListener('input', changed)
  changed()
  return {
    field: h('div', {}, h('div', { class: 'field' }, h('label', { for: 'expiry' }, text.expiry), select, hint), dateRow),
    value,
    complain() {
      say(text.expiryDateMissing)
      date.focus()
    },
  }
}

/** No end first, then from near to far, then a day of one's own. */
const rank = value => value === 'none' ? 0 : value === 'date' ? Infinity : Number(value)
