// @ts-check
import { h } from './dom.js'

const GAP = 6

/**
 * Shows the `data-tip` of an element that has the pointer or the focus. Escape hides it.
 * @param {ShadowRoot} root
 */
export function tipIn(root) {
  const tip = h('div', { id: 'tip', role: 'tooltip', class: 'tip', popover: 'manual' })
  /** @type {HTMLElement?} */
  let shownFor = null
  const hide = () => {
    shownFor?.removeAttribute('aria-describedby')
    shownFor = null
    if (tip.matches(':popover-open')) tip.hidePopover()
  }
  const show = (/** @type {HTMLElement} */ element) => {
    if (element === shownFor) return
    hide()
    shownFor = element
    tip.textContent = `${element.dataset.tip}`
    if (element.getAttribute('aria-label') !== element.dataset.tip) element.setAttribute('aria-describedby', 'tip')
    tip.showPopover()
    place(tip, element)
  }
  /** @param {Event} event @returns {HTMLElement?} */
  const of = ({ target }) => target instanceof Element ? target.closest('[data-tip]') : null
  root.addEventListener('pointerover', event => {
    if (event.target === tip) return
    const element = of(event)
    if (element) show(element)
    else if (shownFor && !shownFor.matches(':focus-visible')) hide()
  })
  const showIf = (/** @type {string} */ selector) => (/** @type {Event} */ event) => {
    const element = of(event)
    if (element?.matches(selector)) show(element)
    else hide()
  }
  root.addEventListener('focusin', showIf(':focus-visible'))
  root.addEventListener('focusout', hide)
  root.addEventListener('click', showIf('.time'))
  // Anywhere: a tip that the pointer brought up has no focus.
  addEventListener('keydown', ({ key }) => { if (key === 'Escape') hide() }, { capture: true })
  addEventListener('scroll', hide, { capture: true, passive: true })
  return tip
}

/** Places `box` below `anchor`, or above it if there is no room, within the window. @param {HTMLElement} box @param {HTMLElement} anchor */
export function place(box, anchor, align = 'centre') {
  const { left, right, top, bottom, width } = anchor.getBoundingClientRect()
  const { offsetWidth, offsetHeight } = box
  const wanted = align === 'end' ? right - offsetWidth : left + (width - offsetWidth) / 2
  const x = Math.max(8, Math.min(wanted, document.documentElement.clientWidth - offsetWidth - 8))
  const isBelow = bottom + GAP + offsetHeight <= innerHeight
  box.style.left = `${x}px`
  box.style.top = `${isBelow ? bottom + GAP : Math.max(8, top - GAP - offsetHeight)}px`
}
