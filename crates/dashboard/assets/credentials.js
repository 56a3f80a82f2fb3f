// @ts-check
import './page.js'
import { api } from './account.js'
import { Api } from './api.js'
import { onSubmit } from './form.js'
import { fill, text } from './strings.js'
import { tellTabs } from './tabs.js'

/** A browser that did not keep the session would come back here without a word. @param {Account} account */
async function makeSureOf({ id }) {
  const kept = await new Api('').session().catch((/** @type {ApiError} */ error) => {
    throw error.isSignedOut ? new Error(text.notKept[whyNotKept()]) : error
  })
  if (kept.id !== id) throw new Error(fill(text.otherSession, { email: kept.email ?? kept.id }))
  tellTabs(id)
}

function whyNotKept() {
  if (!navigator.cookieEnabled) return 'blocked'
  return isSecureContext ? 'shadowed' : 'insecure'
}

const form = document.querySelector('form')
if (form) {
  const send = async (/** @type {Fields} */ { email, password }) => {
    const typed = { email: email.trim(), password }
    await makeSureOf(await (form.id === 'sign-up' ? api.signUp(typed) : api.signIn(typed)))
  }
  // The server allows only pages of the account there. Until then the form stays busy.
  onSubmit(form, send, () => {
    location.replace(`${form.dataset.next}`)
    return new Promise(() => {})
  })
}
