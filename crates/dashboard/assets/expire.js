// @ts-check
import { ApiError } from './answer.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { h } from './dom.js'
import { expiryField } from './expiry.js'
import { problemPlace } from './problem.js'
import { fill, text } from './strings.js'
import { exact } from './times.js'

/** An expired key works again by another expiry. @type {OnKey} */
export function openExpiry(panel, key) {
  const dialog = new Dialog(panel, text.expiryTitle)
  const expiry = expiryField(key)
  const problem = problemPlace(panel, 'expiry-error')
  const { buttons, submit } = formButtons(dialog, text.save)
  const form = h('form', { novalidate: true },
    h('p', {}, h('bdi', { class: 'key-name' }, key.name), key.expiresAt && [': ', exact(key.expiresAt)]),
    key.replacedBy && h('p', { class: 'muted' }, text.expiryOnlySooner), expiry.field, problem.place, buttons)

  const update = () => { submit.disabled = !expiry.isChanged() }
  form.addEventListener('change', update)
  update()
  onSubmit(dialog, form, submit, text.saving, async () => {
    problem.clear()
    const expiresAt = expiry.value()
    if (expiresAt === undefined) return expiry.complain()
    try {
      panel.keyring.replace(await panel.keyring.during(() => panel.api.change(key.id, { expiresAt })))
      dialog.close()
      panel.told(fill(text.expiryChanged, { name: key.name }))
    } catch (thrown) {
      const error = ApiError.of(thrown)
      if (!error.isGone) return problem.show(error)
      dialog.close()
      panel.failed(error, key)
    }
  })
  dialog.show(form)
}
