// @ts-check
// The reference reads without this. Marks in the contents the call that is on the screen, closes contents that cover the
// page, and adds what only scripts can do. Its words are in the page: like the page, they are English.
import './page.js'
import { howToCopy, toClipboard } from './copy.js'
import { find, h } from './dom.js'
import { runnable } from './reference-run.js'
import { searchable } from './reference-search.js'
import { inLanguages } from './reference-languages.js'

const contents = find(document, '#contents', HTMLElement)
const main = find(document, '#main', HTMLElement)
const said = find(document, '#said', HTMLElement)
const links = new Map([...contents.querySelectorAll('a')].map(link => /** @type {const} */ ([link.hash.slice(1), link])))
const calls = [...document.querySelectorAll('.call')]

/** @type {Timer} */
let silence
/** @param {string} words */
const say = words => {
  said.textContent = words
  clearTimeout(silence)
  silence = setTimeout(() => { said.textContent = '' }, 2_000)
}

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

/**
 * A button that copies what `what` promises, and says so. Where the browser refuses, `shown` is selected.
 * @param {string} label @param {() => string | Promise<string>} what @param {HTMLElement} [shown]
 */
function copying(label, what, shown) {
  const button = h('button', { type: 'button', class: 'copy' }, label)
  button.addEventListener('click', async () => {
    let words
    try {
      const copied = await toClipboard(await what(), button)
      if (!copied && shown) getSelection()?.selectAllChildren(shown)
      words = copied ? `${main.dataset.copied}` : howToCopy()
    } catch {
      words = `${main.dataset.unreachable}`
    }
    button.textContent = words
    say(words)
    setTimeout(() => { button.textContent = label }, 2_000)
  })
  return button
}

for (const sample of document.querySelectorAll('.sample')) {
  const pre = find(sample, 'pre', HTMLPreElement)
  const button = copying(`${main.dataset.copy}`, () => `${pre.textContent}`, pre)
  button.setAttribute('aria-label', `${main.dataset.copy}: ${pre.getAttribute('aria-label')}`)
  find(sample, 'figcaption', HTMLElement).append(button)
}

/** The whole reference, as programs read it. */
async function markdown() {
  const response = await fetch('/llms.txt', { cache: 'no-store' })
  if (!response.ok) throw new Error(`llms.txt: ${response.status}`)
  return response.text()
}
const whole = copying(`${main.dataset.markdown}`, markdown)
whole.classList.replace('copy', 'button')
find(document, '.as-text', HTMLElement).prepend(whole)

inLanguages(document.querySelectorAll('.request'), main)
runnable(document.querySelectorAll('.request'), main, say)
searchable(contents, calls, say, main)
