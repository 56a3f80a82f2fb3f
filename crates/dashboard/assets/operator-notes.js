// @ts-check
import { find, h } from './dom.js'
import { errorNotice } from './problem.js'
import { stage } from './stage.js'
import { createToast } from './toast.js'

// What was done, and what failed, at the foot of the window.

const toast = createToast(stage.say)
const problem = h('div', { class: 'problem-place', role: 'alert' })
find(document, '#operator', HTMLElement).append(h('div', { class: 'toasts' }, problem, toast.place))

/** @param {string} message */
export function told(message) {
  problem.replaceChildren()
  toast.show(message)
}

/** @param {Failure} error */
export function failed(error) {
  toast.clear()
  problem.replaceChildren(errorNotice(stage, error, []))
}
