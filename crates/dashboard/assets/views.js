// @ts-check
import { h } from './dom.js'
import { exampleOf } from './host.js'
import { icon } from './icons.js'
import { codeIn } from './languages.js'
import { signInLink, supportLink } from './problem.js'
import { fill, text } from './strings.js'

export const loadingView = () => h('div', { class: 'skeleton', 'aria-busy': 'true' },
  h('p', { class: 'visually-hidden' }, text.loading), [1, 2, 3, 4].map(() => h('div', { class: 'bone', 'aria-hidden': 'true' })))

/** @param {Panel} panel */
export const emptyView = panel => h('div', { class: 'blank' }, icon('key'), h('slot', { name: 'empty' }, h('h3', {}, text.emptyTitle), h('p', {}, text.empty), stepsTo(panel)),
  h('div', { class: 'buttons' },
    h('button', { type: 'button', class: 'button primary', 'data-focus': 'create', onclick: () => panel.openCreate() }, icon('plus'), text.create),
    panel.docsUrl && h('a', { class: 'button quiet', href: panel.docsUrl, ...panel.elsewhere }, text.docs)))

/** What there is to do until a program calls the API of the product; src/example_call.rs writes the same command. @param {Panel} panel */
function stepsTo(panel) {
  const example = exampleOf(panel)
  const command = codeIn('curl', { ...example, headers: { 'x-api-key': { variable: 'API_KEY' }, ...example.headers } })
  /** @param {string} words @param {Node[]} more */
  const step = (words, ...more) => h('li', {}, h('span', {}, words), more)
  return h('ol', { class: 'steps', role: 'list' },
    step(text.steps.create), step(text.steps.copy), step(text.steps.call, h('pre', {}, h('code', {}, command))))
}

/** @param {Panel} panel @param {View} view */
export const noMatchesView = (panel, view) => h('div', { class: 'blank' }, icon('search'), h('p', {}, view.q ? fill(text.noMatches, view) : text.noMatchesFilters),
  h('button', { type: 'button', class: 'button', onclick: () => { panel.clearFilters(); panel.focusOn('heading') } }, text.clear))

/** @param {Panel} panel */
export const signedOutView = panel => h('div', { class: 'blank', role: 'alert' }, icon('key'),
  h('p', {}, panel.api.account ? text.signedOutAgain : text.signedOutView), signInLink(panel, text.signIn))

/** @param {Panel} panel */
export const failedView = panel => h('div', { class: 'blank' }, icon('warning'), h('p', {}, text.loadFailed),
  h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'button', onclick: () => panel.retry() }, text.retry), supportLink(panel)))
