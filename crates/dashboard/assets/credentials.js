import { Api } from './api.js'
import { onSubmit } from './form.js'

const api = new Api('')
const calls = { 'sign-in': it => api.signIn(it), 'sign-up': it => api.signUp(it) }

const form = document.querySelector('form')
if (form) {
  const send = ({ email, password }) => calls[form.id]({ email: email.trim(), password })
  // The server let only pages of the account stand there. Until that page is there the form stays busy.
  onSubmit(form, send, () => {
    location.replace(form.dataset.next)
    return new Promise(() => {})
  })
}
