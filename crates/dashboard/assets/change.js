// @ts-check
import { ApiError } from './answer.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { h } from './dom.js'
import { problemPlace } from './problem.js'
import { text } from './strings.js'

/**
 * A dialog that saves what `fields` say of a key or an owner, of the panel or of another page. While they say nothing
 * that differs, there is nothing to save.
 * @type {OpenChange}
 */
export function openChange(stage, title, name, fields, { problem, save, saved, isGone }) {
  const dialog = new Dialog(stage, title)
  dialog.outlivesSession = true
  const { buttons, submit } = formButtons(dialog, text.save)
  const form = h('form', { novalidate: true }, h('p', {}, h('bdi', { class: 'key-name' }, name)), fields.field, problem.place, buttons)
  const update = () => { submit.disabled = Object.keys(fields.value()).length === 0 }
  for (const kind of ['change', 'input', 'click']) form.addEventListener(kind, update)
  update()
  onSubmit(dialog, form, submit, text.saving, async () => {
    problem.clear()
    fields.clear()
    const change = fields.value()
    if (Object.keys(change).length === 0 || !fields.check()) return
    try {
      await save(change)
      dialog.close()
      saved()
    } catch (thrown) {
      const error = ApiError.of(thrown)
      if (isGone(error)) dialog.close()
      else if (!fields.took(error)) problem.show(error)
    }
  })
  dialog.show(form)
}

/**
 * How the panel changes a key.
 * @template C @param {Panel} panel @param {Key} key @param {(change: C) => Promise<Key>} call @param {string} said @returns {HowToChange<C>}
 */
export const ofKey = (panel, key, call, said) => ({
  problem: problemPlace(panel, 'change-problem'),
  async save(change) {
    panel.keyring.replace(await panel.keyring.during(() => call(change)))
  },
  saved: () => panel.told(said),
  isGone(error) {
    if (error.isGone) panel.failed(error, key)
    return error.isGone
  },
})
