// @ts-check
import { copyButton } from './copy.js'
import { h } from './dom.js'
import { exampleOf } from './host.js'
import { variableFor } from './keys.js'
import { LANGUAGES, codeIn } from './languages.js'
import { text } from './strings.js'

/** @param {Panel} panel @param {Issued} created @param {() => void} onKeyCopied */
export function snippets(panel, created, onKeyCopied) {
  const { say } = panel
  const variable = variableFor(created.name, panel.brandName)
  const example = exampleOf(panel)
  /** With the key itself, or its variable. @param {HeaderValue} key */
  const request = key => ({ ...example, headers: { 'x-api-key': key, ...example.headers } })
  const line = h('code', {}, `${variable}=${created.keyPrefix}••••`)
  const envLine = h('div', { class: 'copy-row' }, line,
    copyButton({ label: text.envLine, what: () => `${variable}=${created.key}`, shown: () => reallyShown(line, `${variable}=${created.key}`), say, done: onKeyCopied }))

  const code = h('code', {})
  const real = h('input', { type: 'checkbox', onchange: () => show() })
  let [language] = LANGUAGES
  const show = () => { code.textContent = codeIn(language, request(real.checked ? created.key : { variable })) }
  const tablist = tabs(LANGUAGES, chosen => { language = chosen; show() })
  const panelOf = h('div', { role: 'tabpanel', id: 'snippet', 'aria-labelledby': `tab-${language}`, tabindex: 0 }, h('pre', {}, code))
  show()
  return h('section', { class: 'snippets', 'aria-label': text.useIt },
    h('h3', {}, text.useIt), envLine,
    h('div', { class: 'snippet-bar' }, tablist,
      copyButton({ label: text.copySnippet, what: () => `${code.textContent}`, shown: () => code, say, done: () => real.checked && onKeyCopied() })),
    panelOf,
    h('label', { class: 'check' }, real, text.realKey))
}

/** @param {HTMLElement} line @param {string} whole */
function reallyShown(line, whole) {
  line.textContent = whole
  return line
}

/** Tabs by the pattern: arrows choose, one stop for the Tab key. @param {string[]} names @param {(name: string) => void} choose */
function tabs(names, choose) {
  const list = h('div', { role: 'tablist', 'aria-label': text.languages, class: 'segments' })
  const select = (/** @type {HTMLElement} */ chosen) => {
    for (const tab of all) {
      tab.setAttribute('aria-selected', String(tab === chosen))
      tab.tabIndex = tab === chosen ? 0 : -1
    }
    choose(`${chosen.textContent}`)
    const root = list.getRootNode()
    if (root instanceof ShadowRoot) root.getElementById('snippet')?.setAttribute('aria-labelledby', chosen.id)
  }
  const all = names.map((name, at) => {
    const tab = h('button', {
      type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': 'snippet', 'aria-selected': String(at === 0), tabindex: at === 0 ? 0 : -1,
      onclick: () => select(tab),
    }, name)
    return tab
  })
  list.append(...all)
  list.addEventListener('keydown', event => {
    const at = all.findIndex(tab => tab === event.target)
    /** @type {Moves} */
    const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }
    const to = moves[event.key]
    const tab = to === undefined ? undefined : all.at(to % all.length)
    if (!tab) return
    event.preventDefault()
    select(tab)
    tab.focus()
  })
  return list
}
