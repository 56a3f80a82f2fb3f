// @ts-check
import { ApiError } from './answer.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { problemPlace } from './problem.js'
import { fill, text } from './strings.js'

/**
 * Puts a field in the place of a key's name. The new name shows immediately; if the API refuses it, the field is back.
 * @type {StartRename}
 */
export function startRename(panel, id, back, typed = null, error = null) {
  panel.endEditing()
  const key = panel.keyring.find(id)
  const place = panel.rowOf(id)?.querySelector('.name')
  if (!key || !place) return
  const input = h('input', { class: 'input', 'aria-label': fill(text.newName, { name: key.name }), 'aria-describedby': 'rename-problem', autocomplete: 'off', spellcheck: 'false' })
  input.value = typed ?? key.name
  const problem = problemPlace(panel, 'rename-problem')
  const end = () => {
    panel.endEditing()
    panel.focusOn(back)
  }
  /** @param {string} label @param {'check' | 'close'} drawing @param {Attributes} attributes */
  const button = (label, drawing, attributes = {}) =>
    h('button', { class: 'button quiet icon-only', 'aria-label': label, 'data-tip': label, ...attributes }, icon(drawing))
  const form = h('form', { class: 'rename-form', novalidate: true }, input,
    button(text.save, 'check'), button(text.cancel, 'close', { type: 'button', onclick: end }), problem.place)
  form.addEventListener('keydown', event => {
    if (event.key === 'Escape') end()
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    const name = input.value.trim()
    const refusal = !name ? text.nameMissing : [...name].length > 100 ? text.nameTooLong : null
    if (refusal) return refuse(input, problem, new Error(refusal))
    end()
    if (name !== key.name) rename(panel, key, name, back)
  })
  panel.beginEditing()
  place.replaceChildren(form)
  input.focus()
  input.select()
  if (error) refuse(input, problem, error)
}

/** @param {HTMLElement} input @param {Problem} problem @param {Failure} error */
function refuse(input, problem, error) {
  input.setAttribute('aria-invalid', 'true')
  problem.show(error)
}

/** @param {Panel} panel @param {Key} key @param {string} name @param {string} back */
async function rename(panel, key, name, back) {
  panel.keyring.preview({ ...key, name })
  try {
    panel.keyring.replace(await panel.keyring.during(() => panel.api.change(key.id, { name })))
    panel.told(fill(text.wasRenamed, { name }), () => rename(panel, { ...key, name }, key.name, back))
  } catch (thrown) {
    const error = ApiError.of(thrown)
    panel.keyring.preview(key)
    if (error.isSignedOut) return panel.keyring.onceSignedIn(() => startRename(panel, key.id, back, name))
    if (error.isGone) return panel.failed(error, key)
    startRename(panel, key.id, back, name, error)
    // The change may have been made.
    if (error.isUncertain) panel.keyring.refresh()
  }
}
