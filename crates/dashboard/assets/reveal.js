import { copyButton } from './copy.js'
import { ask } from './dialog.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { snippets } from './snippets.js'
import { text } from './strings.js'

/**
 * Turns `dialog` into the one place where a key is ever shown. Whoever leaves without having copied it
 * is asked once more; whoever leaves leaves nothing of it behind.
 */
export function reveal(panel, dialog, created, ...notes) {
  let isCopied = false
  const onKeyCopied = () => {
    isCopied = true
    panel.guard(false)
  }
  const field = keyField(created.key)
  const question = { title: text.notCopied, why: text.notCopiedWhy, yes: text.closeAnyway, no: text.goBack }
  dialog.outlivesSession = true
  let asking = null
  dialog.mayLeave = () => {
    if (isCopied) return true
    asking ??= ask(panel, question).finally(() => { asking = null })
    return asking
  }
  const forget = () => {
    field.value = ''
    created.key = null
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
  // A page that the browser keeps for its Back button keeps no key.
  addEventListener('pagehide', dismiss)
  panel.guard(true)
  dialog.title = text.revealTitle
  dialog.onCopy = () => { if (selectedIn(panel.shadowRoot).includes(created.key)) onKeyCopied() }
  dialog.show(
    h('div', { class: 'notice warn' }, icon('warning'), h('p', {}, text.revealNotice)),
    ...notes,
    h('label', { class: 'visually-hidden', for: 'the-key' }, text.theKey),
    h('div', { class: 'copy-row' }, field,
      copyButton({ label: text.copyKey, kind: 'primary', what: () => field.value, shown: () => field, say: panel.say, done: onKeyCopied })),
    snippets(panel, created, { say: panel.say, onKeyCopied }),
    h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'button', onclick: () => dialog.leave() }, text.done)))
  panel.say(text.revealSay)
}

function keyField(key) {
  const field = h('input', { id: 'the-key', class: 'input mono', readonly: true, autofocus: true, autocomplete: 'off', spellcheck: 'false' })
  field.value = key
  field.addEventListener('focus', () => field.select())
  return field
}

/** What a person copies with the keys or the menu of the browser. */
function selectedIn(root) {
  const { activeElement: field } = root
  if (Number.isInteger(field?.selectionStart)) return field.value.slice(field.selectionStart, field.selectionEnd)
  // Chromium alone keeps the selection of a shadow tree to that tree.
  return String(root.getSelection?.() ?? getSelection())
}
