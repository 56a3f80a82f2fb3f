import { api } from './account.js'
import { Api } from './api.js'
import { onSubmit } from './form.js'
import { text } from './strings.js'
import { tellTabs } from './tabs.js'

const calls = { 'sign-in': it => api.signIn(it), 'sign-up': it => api.signUp(it) }

/** That the browser kept the session. Otherwise the next page would lead back here without a word. */
async function makeSureOf({ id }) {
  const kept = await new Api('').session().catch(error => {
    throw error.isSignedOut ? new Error(text.notKept[whyNotKept()]) : error
  })
  if (kept.id !== id) throw new Error(text.otherSession(kept.email))
  tellTabs(id)
}

function whyNotKept() {
  if (!navigator.cookieEnabled) return 'blocked'
  return isSecureContext ? 'shadowed' : 'insecure'
}

const form = document.querySelector('form')
if (form) {
  const send = async ({ email, password }) => {
    const account = await calls[form.id]({ email: email.trim(), password })
    await makeSureOf(account)
  }
  // The server let only pages of the account stand there. Until that page is there the form stays busy.
  onSubmit(form, send, () => {
    location.replace(form.dataset.next)
    return new Promise(() => {})
  })
}
