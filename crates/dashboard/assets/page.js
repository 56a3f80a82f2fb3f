import { Api } from './api.js'

/** Signs out; a session that is over already is as good. */
async function signOut(button, problem) {
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  problem.textContent = ''
  try {
    await new Api('').signOut()
  } catch (error) {
    if (!error.isSignedOut) {
      button.ariaDisabled = 'false'
      problem.textContent = error.message
      return
    }
  }
  location.replace('/sign-in')
}

const button = document.querySelector('.sign-out')
button?.addEventListener('click', () => signOut(button, document.querySelector('#sign-out-problem')))

// A browser that goes Back may show a page as it was left, also after a sign-out: then it is asked for anew.
addEventListener('pagehide', () => { document.documentElement.hidden = true })
addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload() })
