// @ts-check
// The reference reads without this. Marks in the contents the call that is on the screen, closes contents that cover the
// page, and copies examples.
import './page.js'
import { howToCopy, toClipboard } from './copy.js'
import { find } from './dom.js'

const contents = find(document, '#contents', HTMLElement)
const links = new Map([...contents.querySelectorAll('a')].map(link => /** @type {const} */ ([link.hash.slice(1), link])))
const calls = [...document.querySelectorAll('.call')]

contents.addEventListener('click', event => {
  if (event.target instanceof Element && event.target.closest('a') && contents.matches(':popover-open')) contents.hidePopover()
})

const mark = () => {
  const begun = calls.filter(call => call.getBoundingClientRect().top < innerHeight / 3)
  const current = links.get((begun.at(-1) ?? calls[0]).id)
  if (!current || current.hasAttribute('aria-current')) return
  for (const link of links.values()) link.removeAttribute('aria-current')
  current.setAttribute('aria-current', 'true')
  // Scrolls only the contents: scrollIntoView would stop the page's own scrolling.
  const { top, bottom } = current.getBoundingClientRect()
  const frame = contents.getBoundingClientRect()
  if (top < frame.top || bottom > frame.bottom) contents.scrollBy(0, top - frame.top - frame.height / 2)
}
addEventListener('scroll', mark, { passive: true })
mark()

const said = find(document, '#said', HTMLElement)
for (const sample of document.querySelectorAll('.sample')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  const pre = find(sample, 'pre', HTMLPreElement)
  button.setAttribute('aria-label', `Copy: ${pre.getAttribute('aria-label')}`)
  button.textContent = 'Copy'
  button.addEventListener('click', async () => {
    const copied = await toClipboard(pre.textContent ?? '', button)
    if (!copied) getSelection()?.selectAllChildren(pre)
    button.textContent = copied ? 'Copied' : howToCopy()
    said.textContent = button.textContent
    setTimeout(() => {
      button.textContent = 'Copy'
      said.textContent = ''
    }, 2000)
  })
  find(sample, 'figcaption', HTMLElement).append(button)
}
