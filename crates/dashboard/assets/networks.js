// @ts-check
import { focusUnfolded, h } from './dom.js'
import { networksIn } from './scopes.js'
import { text } from './strings.js'

/** The networks that a key may be used from. `held` are those that it has now. @param {string[]?} held */
export function networksField(held) {
  const input = h('textarea', {
    id: 'networks', class: 'input mono', rows: 3, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': 'networks-hint networks-problem',
  })
  input.value = (held ?? []).join('\n')
  const problem = h('p', { id: 'networks-problem', class: 'problem', role: 'alert' })
  const say = (/** @type {string} */ message) => {
    problem.textContent = message
    input.setAttribute('aria-invalid', String(message !== ''))
  }
  input.addEventListener('input', () => say(''))
  return {
    field: h('div', { class: 'field' }, h('label', { for: 'networks' }, text.networks.title), input,
      h('p', { id: 'networks-hint', class: 'hint' }, text.networks.hint), problem),
    value: () => networksIn(input.value),
    clear: () => say(''),
    /** @param {string} message */
    complain(message) {
      say(message)
      focusUnfolded(input)
    },
  }
}
