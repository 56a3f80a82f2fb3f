// @ts-check
import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

const SHOWN = 2_000
const isMac = /Mac OS X|iP(hone|ad)/.test(globalThis.navigator?.userAgent ?? '')

/**
 * Writes to the clipboard; false where the browser refuses. `beside` is the focused element.
 * @param {string} copied @param {HTMLElement} beside
 */
export async function toClipboard(copied, beside) {
  try {
    await navigator.clipboard.writeText(copied)
    return true
  } catch {
    // Missing on plain http, or refused.
    return copySelected(copied, beside)
  }
}

/**
 * The older way, which works on plain http too: the browser copies the selection.
 * @param {string} copied @param {HTMLElement} beside
 */
function copySelected(copied, beside) {
  const field = h('textarea', { class: 'visually-hidden', readonly: true, tabindex: -1 })
  field.value = copied
  // Nothing outside an open dialog can be selected.
  beside.after(field)
  // Safari on a phone needs the range too.
  field.select()
  field.setSelectionRange(0, copied.length)
  try {
    return document.execCommand('copy')
  } finally {
    field.value = ''
    field.remove()
    beside.focus()
  }
}

export const howToCopy = () => matchMedia('(pointer: coarse)').matches ? text.holdToCopy : isMac ? text.pressToCopyMac : text.pressToCopy

/** @param {HTMLElement} node */
function select(node) {
  if (node instanceof HTMLInputElement) {
    node.focus()
    node.select()
  } else {
    getSelection()?.selectAllChildren(node)
  }
}

/**
 * A button that copies `what()` and confirms that for two seconds. Where the browser refuses, it selects `shown()`,
 * which has the same text, and says how to copy it.
 * @param {CopyButton} options
 */
export function copyButton({ label, what, shown, say, said = text.copied, kind = '', iconOnly = false, done = () => {}, ...attributes }) {
  const words = h('span', iconOnly ? { class: 'visually-hidden' } : {}, label)
  const button = h('button', { type: 'button', class: `button copy ${kind}`, ...attributes }, icon('copy'), words)
  /** @type {Timer} */
  let timer
  /** @param {'check' | 'copy'} name @param {string} message */
  const show = (name, message) => {
    button.replaceChildren(icon(name), words)
    button.classList.toggle('copied', name === 'check')
    words.textContent = message
  }
  button.addEventListener('click', async () => {
    const copied = await toClipboard(what(), button)
    if (copied) done()
    else select(shown())
    const message = copied ? text.copied : howToCopy()
    show(copied ? 'check' : 'copy', iconOnly ? label : message)
    say(copied ? said : message)
    clearTimeout(timer)
    timer = setTimeout(() => show('copy', label), copied ? SHOWN : 3 * SHOWN)
  })
  return button
}
