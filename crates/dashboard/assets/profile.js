import { api } from './account.js'
import { onSubmit } from './form.js'
import { text } from './strings.js'
import { day } from './times.js'

const form = document.querySelector('form')
const done = form.querySelector('#done')

const send = ({ currentPassword, newPassword }) => {
  done.textContent = ''
  return api.changePassword({ currentPassword, newPassword })
}

onSubmit(form, send, () => {
  form.reset()
  done.textContent = text.passwordChanged
})

const since = document.querySelector('.facts time')
since.textContent = day(since.dateTime)
