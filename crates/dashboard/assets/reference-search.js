// @ts-check
import { find, h } from './dom.js'
import { areShortcutsOn } from './shortcuts-setting.js'

/**
 * The search in the contents: of sections and calls that have all the words, those first that have them in their title or
 * their path. `/` begins it, and Enter goes to the first one.
 * @param {HTMLElement} contents @param {Element[]} sections @param {(words: string) => void} say @param {HTMLElement} words
 */
export function searchable(contents, sections, say, words) {
  const field = find(contents, '#search', HTMLInputElement)
  const found = find(contents, '#found', HTMLElement)
  const all = find(contents, '#all-contents', HTMLElement)
  /** @type {{ link: HTMLAnchorElement, title: string, text: string }[]} */
  let index = []

  const show = () => {
    const asked = field.value.toLowerCase().split(/\s+/).filter(Boolean)
    all.hidden = asked.length > 0
    found.hidden = !all.hidden
    if (found.hidden) return
    if (index.length === 0) index = sections.map(section => entryOf(section, contents))
    const has = (/** @type {string} */ text) => asked.every(word => text.includes(word))
    const inTitle = index.filter(it => has(it.title))
    const results = [...inTitle, ...index.filter(it => !has(it.title) && has(it.text))]
    found.replaceChildren(...results.map(({ link }) => h('li', {}, copyOf(link))))
    const { none, one, many } = words.dataset
    if (results.length === 0) found.append(h('li', { class: 'muted' }, `${none}`))
    say(results.length === 0 ? `${none}` : results.length === 1 ? `${one}` : `${results.length} ${many}`)
  }
  const clear = () => {
    field.value = ''
    show()
  }

  field.addEventListener('input', show)
  field.addEventListener('keydown', event => {
    const first = found.querySelector('a')
    if (event.key === 'Escape' && field.value) {
      event.preventDefault()
      clear()
    }
    if (event.key === 'ArrowDown' && first) {
      event.preventDefault()
      first.focus()
    }
    if (event.key === 'Enter') first?.click()
  })
  found.addEventListener('keydown', event => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    const links = [...found.querySelectorAll('a')]
    const to = links.findIndex(link => link === event.target) + (event.key === 'ArrowDown' ? 1 : -1)
    event.preventDefault()
    const next = to < 0 ? field : links[Math.min(to, links.length - 1)]
    next.focus()
  })
  found.addEventListener('click', event => {
    if (event.target instanceof Element && event.target.closest('a')) clear()
  })
  document.addEventListener('keydown', event => {
    if (event.key !== '/' || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !areShortcutsOn()) return
    if (event.target instanceof Element && event.target.matches('input, select, textarea')) return
    event.preventDefault()
    // Where there is no room the contents are hidden until somebody asks for them.
    if (!contents.checkVisibility()) contents.showPopover()
    field.focus()
  })
}

/** @param {Element} section @param {HTMLElement} contents */
function entryOf(section, contents) {
  const link = find(contents, `a[href="#${section.id}"]`, HTMLAnchorElement)
  const path = section.querySelector('.address')?.textContent ?? ''
  return { link, title: `${link.textContent} ${path}`.toLowerCase(), text: `${section.textContent}`.toLowerCase() }
}

/** @param {HTMLAnchorElement} link */
function copyOf(link) {
  const copy = /** @type {HTMLAnchorElement} */ (link.cloneNode(true))
  copy.removeAttribute('aria-current')
  return copy
}
