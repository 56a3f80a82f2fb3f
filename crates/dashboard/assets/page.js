// @ts-check
import { api } from './account.js'
import { ApiError } from './answer.js'
import { find } from './dom.js'
import { signInAddress } from './sign-in.js'
import { hearTabs, tellTabs } from './tabs.js'
import { showOtherAccount, showSignedOut } from './takeover.js'

/** @type {HTMLElement?} */
const frame = document.querySelector('.frame')

/** Signs out, also where the session is over already. @param {HTMLElement} button @param {HTMLElement} problem */
async function signOut(button, problem) {
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  problem.textContent = ''
  try {
    await api.signOut()
  } catch (thrown) {
    const error = ApiError.of(thrown)
    if (!error.isSignedOut) {
      button.ariaDisabled = 'false'
      problem.textContent = error.message
      return
    }
  }
  tellTabs(null)
  const elsewhere = frame?.dataset.signIn
  location.replace(elsewhere ? signInAddress(elsewhere, '/account/api-keys') : '/sign-in')
}

/** @type {HTMLElement?} */
const button = document.querySelector('.sign-out')
button?.addEventListener('click', () => signOut(button, find(document, '#sign-out-problem', HTMLElement)))

/** Takes a page away when its account is not signed in any more, also by another tab. @param {HTMLElement} frame */
function watch(frame) {
  const ended = new AbortController()
  const { signal } = ended
  const toOther = () => {
    ended.abort()
    showOtherAccount(frame, api.base)
  }
  const toNobody = () => {
    ended.abort()
    showSignedOut(frame)
  }
  api.onOtherAccount = toOther
  api.onSignedOut = toNobody
  hearTabs(account => {
    if (account === null) toNobody()
    else if (account !== api.account) toOther()
    else if (signal.aborted) location.reload()
  })
  // The panel asks by itself.
  if (frame.querySelector('api-keys-panel')) return
  // The two functions above see the answer; a failure says nothing about the session.
  const check = () => api.session().catch(() => null)
  addEventListener('focus', check, { signal })
  document.addEventListener('visibilitychange', () => document.hidden || check(), { signal })
}

if (frame) watch(frame)

// Back may show a page as it was left, also after a sign-out: so it is loaded again.
addEventListener('pagehide', () => { document.documentElement.hidden = true })
addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload() })
