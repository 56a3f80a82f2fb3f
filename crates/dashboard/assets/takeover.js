// @ts-check
import { Api } from './api.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { signInAddress } from './sign-in.js'
import { fill, text } from './strings.js'

// In the place of what belongs to an account that is not signed in any more.

/** Names the account that is signed in, and offers to reload. @param {Element} place @param {string} base */
export async function showOtherAccount(place, base) {
  const message = h('p', {}, text.otherAccount)
  takeOver(place, message, h('button', { type: 'button', class: 'button primary', onclick: () => location.reload() }, text.reload))
  try {
    const { id, email } = await new Api(base).session()
    message.textContent = fill(text.otherAccountNamed, { email: email ?? id })
  } catch {
    // Then the account stays unnamed.
  }
}

/** Signing in leads back to the page. @param {HTMLElement} place */
export function showSignedOut(place) {
  takeOver(place, h('p', {}, text.signedOut), h('a', { class: 'button primary', href: signInAddress(place.dataset.signIn, location.href) }, text.signIn))
}

/** @param {Element} place @param {Node} message @param {Node} action */
function takeOver(place, message, action) {
  const view = h('div', { class: 'blank', role: 'alert' }, icon('warning'), message, h('div', { class: 'buttons' }, action))
  place.replaceChildren(place.matches('.frame') ? h('main', { id: 'main', tabindex: -1 }, view) : view)
}
