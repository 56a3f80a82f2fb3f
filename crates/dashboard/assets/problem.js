// @ts-check
import { copyButton } from './copy.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

/** @param {Panel} panel @param {string} id */
export function problemPlace(panel, id, { isDismissible = false } = {}) {
  const place = h('div', { id, class: 'problem-place', role: 'alert' })
  /** @type {boolean | undefined} */
  let isSignedOut
  const clear = () => place.replaceChildren()
  return {
    place,
    clear,
    /** @param {Failure} error @param {string[]} more */
    show(error, ...more) {
      isSignedOut = error.isSignedOut
      const notice = isSignedOut ? signedOutNotice(panel) : errorNotice(panel, error, more)
      if (isDismissible) notice.append(h('button', { type: 'button', class: 'button quiet icon-only', 'aria-label': text.dismiss, onclick: clear }, icon('close')))
      place.replaceChildren(notice)
      if (isSignedOut) panel.keyring.onceSignedIn(() => isSignedOut && clear())
    },
  }
}

/** Nothing where nobody said where to sign in. @param {Panel} panel @param {string} label */
export function signInLink(panel, label = text.signInAgain) {
  return panel.signInUrl && h('a', { class: 'button', href: panel.signInUrl, target: '_blank', rel: 'noopener' },
    label, h('span', { class: 'visually-hidden' }, ` ${text.opensInNewTab}`))
}

/** @param {Speaker} page */
export function supportLink({ supportUrl }) {
  return supportUrl && h('a', { class: 'button quiet', href: supportUrl, target: '_blank', rel: 'noopener' },
    text.support, h('span', { class: 'visually-hidden' }, ` ${text.opensInNewTab}`))
}

/** @param {Panel} panel */
function signedOutNotice(panel) {
  return h('div', { class: 'notice warn' }, icon('warning'), h('p', {}, text.signedOutKept), signInLink(panel))
}

/** @param {Speaker} page @param {Failure} error @param {string[]} more */
export function errorNotice(page, error, more) {
  return h('div', { class: 'notice bad' }, icon('warning'),
    h('div', {}, h('p', {}, [error.message, ...more].join(' ')), error.requestId && requestId(page, error.requestId)), supportLink(page))
}

/** @param {Speaker} page @param {string} id */
function requestId(page, id) {
  const code = h('code', {}, id)
  return h('p', { class: 'request-id' }, `${text.requestId} `, code,
    copyButton({ label: text.copyRequestId, iconOnly: true, kind: 'quiet icon-only', what: () => id, shown: () => code, say: page.say }))
}
