// @ts-check
import { h } from './dom.js'
import { place } from './tip.js'

/**
 * The menu of a menu button, by the pattern: arrows, Home, End and first letters move, Escape and Tab leave.
 * @type {OpenMenu}
 */
export function openMenu(root, button, items, { last = false, back }) {
  const close = () => menu.remove()
  const choose = (/** @type {MenuItem} */ item) => {
    if (item.reason) return
    close()
    back()
    item.run()
  }
  const all = items.map(item =>
    h('button', { type: 'button', role: 'menuitem', tabindex: -1, class: item.kind, 'aria-disabled': item.reason && 'true', onclick: () => choose(item) },
      item.label, item.reason && h('span', { class: 'hint' }, item.reason)))
  const menu = h('div', { id: 'menu', role: 'menu', class: 'menu', popover: 'auto', 'aria-label': button.getAttribute('aria-label') }, all)
  menu.addEventListener('toggle', event => {
    if (event.newState === 'open') return
    button.setAttribute('aria-expanded', 'false')
    button.removeAttribute('aria-controls')
    close()
  })
  menu.addEventListener('keydown', event => {
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault()
      close()
      button.setAttribute('aria-expanded', 'false')
      return back()
    }
    const at = all.findIndex(item => item === event.target)
    /** @type {Moves} */
    const moves = { ArrowDown: (at + 1) % all.length, ArrowUp: at - 1, Home: 0, End: -1 }
    const to = moves[event.key] ?? startingWith(event.key, all, at)
    if (to === undefined) return
    event.preventDefault()
    all.at(to)?.focus()
  })
  root.append(menu)
  menu.showPopover()
  place(menu, button, 'end')
  button.setAttribute('aria-expanded', 'true')
  button.setAttribute('aria-controls', 'menu')
  all.at(last ? -1 : 0)?.focus()
}

/** @param {string} letter @param {HTMLElement[]} items @param {number} at */
function startingWith(letter, items, at) {
  if (letter.length !== 1) return undefined
  const begins = (/** @type {HTMLElement} */ item) => `${item.textContent}`.toLowerCase().startsWith(letter.toLowerCase())
  const next = items.findIndex((item, i) => i > at && begins(item))
  const found = next >= 0 ? next : items.findIndex(begins)
  return found < 0 ? undefined : found
}
