// @ts-check
import { copyButton } from './copy.js'
import { ask } from './dialog.js'
import { h } from './dom.js'
import { firstRequest } from './first-request.js'
import { icon } from './icons.js'
import { snippets } from './snippets.js'
import { text } from './strings.js'

/**
 * Shows a new key in `dialog`, this once. A person who leaves without a copy is asked. A closed dialog keeps nothing.
 * @param {Panel} panel @param {Dialog} dialog @param {Issued} created @param {Node[]} notes
 */
export function reveal(panel, dialog, created, ...notes) {
  let isCopied = false
  const done = h('button', { type: 'button', class: 'button', onclick: () => dialog.leave() }, text.done)
  const onKeyCopied = () => {
    isCopied = true
    done.classList.add('primary')
    panel.guard(false)
  }
  const field = keyField(created.key)
  const first = firstRequest(panel, created)
  const question = { title: text.notCopied, why: text.notCopiedWhy, yes: text.closeAnyway, no: text.goBack }
  dialog.outlivesSession = true
  /** @type {Promise<boolean>?} */
  let asking = null
  dialog.mayLeave = () => {
    if (isCopied) return true
    asking ??= ask(panel, question).finally(() => { asking = null })
    return asking
  }
  const forget = () => {
    first.end()
    field.value = ''
    created.key = ''
    panel.guard(false)
    removeEventListener('pagehide', dismiss)
  }
  const dismiss = () => dialog.close()
  const closed = dialog.onClosed
  dialog.onClosed = () => {
    forget()
    closed()
    panel.revealed(created)
  }
  // The browser may keep the page for its Back button, and must not keep the key.
  addEventListener('pagehide', dismiss)
  panel.guard(true)
  dialog.title = text.revealTitle
  dialog.onCopy = () => { if (selectedIn(panel.root).includes(created.key)) onKeyCopied() }
  dialog.show(
    h('div', { class: 'notice warn' }, icon('warning'), h('p', {}, text.revealNotice)),
    ...notes,
    h('label', { class: 'visually-hidden', for: 'the-key' }, text.theKey),
    h('div', { class: 'copy-row' }, field,
      copyButton({ label: text.copyKey, kind: 'primary', what: () => field.value, shown: () => field, say: panel.say, done: onKeyCopied })),
    snippets(panel, created, onKeyCopied),
    first.place,
    h('slot', { name: 'reveal-extra' }),
    h('div', { class: 'buttons' }, done))
  panel.say(text.revealSay)
}

/** @param {string} key */
function keyField(key) {
  const field = h('input', { id: 'the-key', class: 'input mono', readonly: true, autofocus: true, autocomplete: 'off', spellcheck: 'false' })
  field.value = key
  field.addEventListener('focus', () => field.select())
  return field
}

/** The text that the browser's own Copy would take. @param {ShadowRoot} root */
function selectedIn(root) {
  const { activeElement: field } = root
  const isField = field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement
  if (isField && field.selectionStart !== null) return field.value.slice(field.selectionStart, Number(field.selectionEnd))
  // Chromium alone has a selection for each shadow tree.
  return String(root.getSelection?.() ?? getSelection())
}
