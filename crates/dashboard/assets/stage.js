// @ts-check
import { api } from './account.js'
import { find, h } from './dom.js'

/** Where a page shows its dialogs, as the panel shows its own. @type {Stage} */
export const stage = {
  api,
  dialogs: new Set(),
  root: {
    append: (...nodes) => document.body.append(...nodes),
    get activeElement() { return document.activeElement === document.body ? null : document.activeElement },
    querySelector: (/** @type {string} */ selector) => document.querySelector(selector),
  },
  get focused() { return document.activeElement?.getAttribute('data-focus') ?? null },
  focusOn: name => find(document, name === null ? '#main' : `[data-focus="${name}"]`, HTMLElement).focus(),
  say: message => { status.textContent = message },
}

const status = h('p', { role: 'status', class: 'visually-hidden' })
document.body.append(status)
