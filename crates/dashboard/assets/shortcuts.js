// @ts-check
import { Dialog } from './dialog.js'
import { openDetails } from './detail.js'
import { h } from './dom.js'
import { areShortcutsOn, setShortcuts } from './shortcuts-setting.js'
import { text } from './strings.js'

/**
 * Single keys, for who wants them (WCAG 2.2, 2.1.4: they can be switched off, and in a panel of another page they work
 * only while the focus is in the panel).
 * @param {Panel} panel @param {boolean} isOwnPage @param {AbortSignal} signal
 */
export function listenForShortcuts(panel, isOwnPage, signal) {
  document.addEventListener('keydown', event => {
    const path = event.composedPath()
    const [target] = path
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !areShortcutsOn()) return
    if (!(target instanceof Element) || target.matches('input:not([type=checkbox]), select, textarea')) return
    if (!isOwnPage && !path.includes(panel)) return
    if (panel.dialogs.size > 0 || panel.root.querySelector('#menu')) return
    const run = actionOf(panel, event.key, target)
    if (!run) return
    event.preventDefault()
    run()
  }, { signal })
}

/** @param {Panel} panel @param {string} pressed @param {Element} target */
function actionOf(panel, pressed, target) {
  /** @type {Record<string, (() => void) | undefined>} */
  const actions = {
    'c': () => panel.openCreate(),
    '/': () => panel.toolbar.focus(),
    'j': () => move(panel, 1),
    'k': () => move(panel, -1),
    '?': () => openShortcuts(panel),
  }
  const id = pressed === 'Enter' && target instanceof HTMLTableRowElement ? target.dataset.id : undefined
  const key = id && panel.keyring.find(id)
  return key ? () => openDetails(panel, key) : actions[pressed]
}

/** @param {Panel} panel @param {1 | -1} by */
function move(panel, by) {
  const ids = panel.list.ids()
  const here = panel.root.activeElement?.closest('tr')?.dataset.id
  const at = here === undefined ? -1 : ids.indexOf(here)
  const to = at < 0 ? (by > 0 ? 0 : ids.length - 1) : at + by
  if (ids[to] !== undefined) panel.focusOn(`row:${ids[to]}`)
}

/** @param {Panel} panel */
export function openShortcuts(panel) {
  const dialog = new Dialog(panel, text.shortcuts, { class: 'small' })
  const box = h('input', { type: 'checkbox', onchange: () => setShortcuts(box.checked) })
  box.checked = areShortcutsOn()
  dialog.show(
    h('dl', { class: 'facts' }, Object.entries(text.shortcutList).map(([key, what]) =>
      h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)))),
    h('label', { class: 'check' }, box, text.shortcutsOn),
    h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'button', onclick: () => dialog.leave() }, text.close)))
}
