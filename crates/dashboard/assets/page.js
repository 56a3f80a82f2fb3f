import { api } from './account.js'
import { hearTabs, tellTabs } from './tabs.js'
import { showOtherAccount, showSignedOut } from './takeover.js'

/** Signs out; a session that is over already is as good. */
async function signOut(button, problem) {
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  problem.textContent = ''
  try {
    await api.signOut()
  } catch (error) {
    if (!error.isSignedOut) {
      button.ariaDisabled = 'false'
      problem.textContent = error.message
      return
    }
  }
  tellTabs(null)
  location.replace('/sign-in')
}

const button = document.querySelector('.sign-out')
button?.addEventListener('click', () => signOut(button, document.querySelector('#sign-out-problem')))

/** Shows a page of an account no longer than that account is signed in, in whatever tab that ends. */
function watch(frame) {
  const ended = new AbortController()
  const { signal } = ended
  api.onOtherAccount = () => {
    ended.abort()
    showOtherAccount(frame, api.base)
  }
  api.onSignedOut = () => {
    ended.abort()
    showSignedOut(frame)
  }
  hearTabs(account => {
    if (account === null) api.onSignedOut()
    else if (account !== api.account) api.onOtherAccount()
    else if (signal.aborted) location.reload()
  })
  // The list of keys asks by itself.
  if (frame.querySelector('api-keys-panel')) return
  // What an answer tells is told by the two calls above; a failure says nothing about who is signed in.
  const check = () => api.session().catch(() => null)
  addEventListener('focus', check, { signal })
  document.addEventListener('visibilitychange', () => document.hidden || check(), { signal })
}

const frame = document.querySelector('.frame')
if (frame) watch(frame)

// A browser that goes Back may show a page as it was left, also after a sign-out: then it is asked for anew.
addEventListener('pagehide', () => { document.documentElement.hidden = true })
addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload() })
