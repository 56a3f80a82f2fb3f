// @ts-check
import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

const SHOWN = 8_000

/**
 * What was done, at the foot of the window, for some seconds, and as long as the pointer or the focus is on it.
 * @param {(message: string) => void} say
 */
export function createToast(say) {
  const place = h('div', { class: 'toast-place' })
  /** @type {Timer} */
  let timer
  const clear = () => {
    clearTimeout(timer)
    place.replaceChildren()
  }
  const wait = () => {
    clearTimeout(timer)
    timer = setTimeout(() => place.matches(':hover, :focus-within') ? wait() : clear(), SHOWN)
  }
  return {
    place,
    clear,
    /** @param {string} message @param {(() => void) | false} undo */
    show(message, undo = false) {
      place.replaceChildren(h('div', { class: 'toast' }, icon('check'), h('p', {}, message),
        undo && h('button', { type: 'button', class: 'button quiet', onclick: () => { clear(); undo() } }, text.undo),
        h('button', { type: 'button', class: 'button quiet icon-only', 'aria-label': text.dismiss, onclick: clear }, icon('close'))))
      say(message)
      wait()
    },
  }
}
