import { h } from './dom.js'
import { place } from './tip.js'

/**
 * The menu of a menu button, by the pattern: arrows, Home, End and first letters move, Escape and Tab
 * leave. `items` are `{ label, kind, run }`.
 */
export function openMenu(root, button, items, { last = false, back }) {
  const close = () => menu.remove()
  const choose = item => {
    close()
    back()
    item.run()
  }
  const menu = h('div', { id: 'menu', role: 'menu', class: 'menu', popover: 'auto', 'aria-label': button.getAttribute('aria-label') },
    items.map(item => h('button', { type: 'button', role: 'menuitem', tabindex: -1, class: item.kind, onclick: () => choose(item) }, item.label)))
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
    const all = [...menu.children]
    const at = all.indexOf(event.target)
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: at - 1, Home: 0, End: -1 }[event.key]
      ?? startingWith(event.key, all, at)
    if (to === undefined) return
    event.preventDefault()
    all.at(to).focus()
  })
  root.append(menu)
  menu.showPopover()
  place(menu, button, 'end')
  button.setAttribute('aria-expanded', 'true')
  button.setAttribute('aria-controls', 'menu')
  ;(last ? menu.lastChild : menu.firstChild).focus()
}

/** The next item after `at` that begins with this letter. */
function startingWith(letter, items, at) {
  if (letter.length !== 1) return undefined
  const begins = item => item.textContent.toLowerCase().startsWith(letter.toLowerCase())
  const next = items.findIndex((item, i) => i > at && begins(item))
  const found = next >= 0 ? next : items.findIndex(begins)
  return found < 0 ? undefined : found
}
