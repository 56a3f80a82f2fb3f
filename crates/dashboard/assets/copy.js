import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

const SHOWN = 2_000
const isMac = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? '')

/** Writes to the clipboard; false where the browser lets nobody. `beside` is an element that has the focus. */
export async function toClipboard(copied, beside) {
  try {
    await navigator.clipboard.writeText(copied)
    return true
  } catch {
    // Not there on plain http, or refused.
    return copySelected(copied, beside)
  }
}

/** The older way, which works on plain http too: the browser copies what is selected. */
function copySelected(copied, beside) {
  const field = h('textarea', { class: 'visually-hidden', readonly: true, tabindex: -1 })
  field.value = copied
  // A dialog lets nothing outside it be selected.
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

/** What is left for a person to do with a text that is selected. */
export const howToCopy = () => matchMedia('(pointer: coarse)').matches ? text.holdToCopy : text.pressToCopy(isMac)

function select(node) {
  if ('select' in node) {
    node.focus()
    node.select()
  } else {
    getSelection().selectAllChildren(node)
  }
}

/**
 * A button that copies what `what()` says and shows for two seconds that it did. Where the clipboard
 * can't be written, it selects `shown()`, which has the same text, and says how to copy it.
 */
export function copyButton({ label, what, shown, say, said = text.copied, kind = '', iconOnly = false, done = () => {}, ...attributes }) {
  const words = h('span', iconOnly ? { class: 'visually-hidden' } : {}, label)
  const button = h('button', { type: 'button', class: `button copy ${kind}`, ...attributes }, icon('copy'), words)
  let timer
  const show = (name, message) => {
    button.firstChild.replaceWith(icon(name))
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
