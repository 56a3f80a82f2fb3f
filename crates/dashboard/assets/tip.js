import { h } from './dom.js'

const GAP = 6

/**
 * Shows what `data-tip` of an element says while the pointer is over it or it has the focus: by mouse,
 * finger and keyboard alike. Escape hides it.
 */
export function tipIn(root) {
  const tip = h('div', { id: 'tip', role: 'tooltip', class: 'tip', popover: 'manual' })
  let shownFor = null
  const hide = () => {
    shownFor?.removeAttribute('aria-describedby')
    shownFor = null
    if (tip.matches(':popover-open')) tip.hidePopover()
  }
  const show = element => {
    if (element === shownFor) return
    hide()
    shownFor = element
    tip.textContent = element.dataset.tip
    if (element.getAttribute('aria-label') !== element.dataset.tip) element.setAttribute('aria-describedby', 'tip')
    tip.showPopover()
    place(tip, element)
  }
  const of = event => event.target.closest?.('[data-tip]')
  root.addEventListener('pointerover', event => {
    if (event.target.closest('.tip')) return
    const element = of(event)
    if (element) show(element)
    else if (shownFor && !shownFor.matches(':focus-visible')) hide()
  })
  root.addEventListener('focusin', event => { if (of(event)?.matches(':focus-visible')) show(of(event)); else hide() })
  root.addEventListener('focusout', hide)
  root.addEventListener('click', event => { if (of(event)?.matches('.time')) show(of(event)); else hide() })
  // Wherever the focus is: the pointer alone may have brought the tip up.
  addEventListener('keydown', ({ key }) => { if (key === 'Escape') hide() }, { capture: true })
  addEventListener('scroll', hide, { capture: true, passive: true })
  return tip
}

/** Beneath `anchor`, or above where there is no room, and within the window. */
export function place(box, anchor, align = 'centre') {
  const { left, right, top, bottom, width } = anchor.getBoundingClientRect()
  const { offsetWidth, offsetHeight } = box
  const wanted = align === 'end' ? right - offsetWidth : left + (width - offsetWidth) / 2
  const x = Math.max(8, Math.min(wanted, document.documentElement.clientWidth - offsetWidth - 8))
  const isBelow = bottom + GAP + offsetHeight <= innerHeight
  box.style.left = `${x}px`
  box.style.top = `${isBelow ? bottom + GAP : Math.max(8, top - GAP - offsetHeight)}px`
}
