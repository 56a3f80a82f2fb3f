// @ts-check
import { api } from './account.js'
import { find } from './dom.js'
import { onSubmit } from './form.js'
import { text } from './strings.js'
import { day } from './times.js'

const form = find(document, 'form', HTMLFormElement)
const done = find(form, '#done', HTMLElement)

const send = (/** @type {Fields} */ { currentPassword, newPassword }) => {
  done.textContent = ''
  return api.changePassword({ currentPassword, newPassword })
}

onSubmit(form, send, () => {
  form.reset()
  done.textContent = text.passwordChanged
})

const since = find(document, '.facts time', HTMLTimeElement)
since.textContent = day(since.dateTime)
