// The reference reads without this. It marks in the contents which call is on the screen, closes the
// contents where they cover the page, and copies examples.
import { howToCopy, toClipboard } from './copy.js'

const contents = document.getElementById('contents')
const links = new Map([...contents.querySelectorAll('a')].map(link => [link.hash.slice(1), link]))
const calls = [...document.querySelectorAll('.call')]

contents.addEventListener('click', event => {
  if (event.target.closest('a') && contents.matches(':popover-open')) contents.hidePopover()
})

const mark = () => {
  const begun = calls.filter(call => call.getBoundingClientRect().top < innerHeight / 3)
  const current = links.get((begun.at(-1) ?? calls[0]).id)
  if (current.hasAttribute('aria-current')) return
  for (const link of links.values()) link.removeAttribute('aria-current')
  current.setAttribute('aria-current', 'true')
  // Only the list itself is scrolled: scrollIntoView would stop the page's own scrolling.
  const { top, bottom } = current.getBoundingClientRect()
  const frame = contents.getBoundingClientRect()
  if (top < frame.top || bottom > frame.bottom) contents.scrollBy(0, top - frame.top - frame.height / 2)
}
addEventListener('scroll', mark, { passive: true })
mark()

const said = document.getElementById('said')
for (const sample of document.querySelectorAll('.sample')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  const name = sample.querySelector('pre').getAttribute('aria-label')
  button.setAttribute('aria-label', `Copy: ${name}`)
  button.textContent = 'Copy'
  button.addEventListener('click', async () => {
    const text = sample.querySelector('pre').textContent
    const copied = await toClipboard(text, button)
    if (!copied) getSelection().selectAllChildren(sample.querySelector('pre'))
    button.textContent = copied ? 'Copied' : howToCopy()
    said.textContent = button.textContent
    setTimeout(() => {
      button.textContent = 'Copy'
      said.textContent = ''
    }, 2000)
  })
  sample.querySelector('figcaption').append(button)
}
