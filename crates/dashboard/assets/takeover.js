import { Api } from './api.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

// What stands in the place of everything that belongs to an account which is not signed in any more.

/** Another account is signed in: says which, and how to go on. */
export async function showOtherAccount(place, base) {
  const message = h('p', {}, text.otherAccount(null))
  takeOver(place, message, h('button', { type: 'button', class: 'button primary', onclick: () => location.reload() }, text.reload))
  try {
    const { email } = await new Api(base).session()
    message.textContent = text.otherAccount(email)
  } catch {
    // Then the name of the other account is not said.
  }
}

/** Nobody is signed in. Signing in leads back to the page. */
export function showSignedOut(place) {
  const next = encodeURIComponent(location.pathname + location.search)
  takeOver(place, h('p', {}, text.signedOut), h('a', { class: 'button primary', href: `/sign-in?next=${next}` }, text.signIn))
}

function takeOver(place, message, action) {
  const view = h('div', { class: 'blank', role: 'alert' }, icon('warning'), message, h('div', { class: 'buttons' }, action))
  place.replaceChildren(place.matches('.frame') ? h('main', { id: 'main', tabindex: -1 }, view) : view)
}
