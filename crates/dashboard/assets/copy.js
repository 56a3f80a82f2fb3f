import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

const SHOWN = 2_000
const isMac = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? '')

async function toClipboard(copied) {
  try {
    await navigator.clipboard.writeText(copied)
    return true
  } catch {
    // Not there on plain http, or refused.
    return false
  }
}

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
 * can't be written, it selects `shown()`, which has the same text, and says which keys copy it.
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
    const copied = await toClipboard(what())
    if (copied) done()
    else select(shown())
    const message = copied ? text.copied : text.pressToCopy(isMac)
    show(copied ? 'check' : 'copy', iconOnly ? label : message)
    say(copied ? said : message)
    clearTimeout(timer)
    timer = setTimeout(() => show('copy', label), copied ? SHOWN : 3 * SHOWN)
  })
  return button
}
