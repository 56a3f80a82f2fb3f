import { copyButton } from './copy.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

/** A place where errors are said, and stay until the next try. */
export function problemPlace(panel, id) {
  const place = h('div', { id, class: 'problem-place', role: 'alert' })
  let isSignedOut = false
  const clear = () => place.replaceChildren()
  return {
    place,
    clear,
    show(error, ...more) {
      isSignedOut = error.isSignedOut
      place.replaceChildren(isSignedOut ? signedOutNotice(panel) : errorNotice(panel, error, more))
      if (isSignedOut) panel.keyring.onceSignedIn(() => isSignedOut && clear())
    },
  }
}

/** What to do where the session is over. */
export function signInLink(panel, label = text.signInAgain) {
  return h('a', { class: 'button', href: `${panel.api.base}/sign-in`, target: '_blank', rel: 'noopener' },
    label, h('span', { class: 'visually-hidden' }, ` ${text.opensInNewTab}`))
}

function signedOutNotice(panel) {
  return h('div', { class: 'notice warn' }, icon('warning'), h('p', {}, text.signedOutKept), signInLink(panel))
}

export function errorNotice(panel, error, more) {
  return h('div', { class: 'notice bad' }, icon('warning'),
    h('div', {}, h('p', {}, [error.message, ...more].join(' ')), error.requestId && requestId(panel, error.requestId)))
}

function requestId(panel, id) {
  const code = h('code', {}, id)
  return h('p', { class: 'request-id' }, `${text.requestId} `, code,
    copyButton({ label: text.copyRequestId, iconOnly: true, kind: 'quiet icon-only', what: () => id, shown: () => code, say: panel.say }))
}
