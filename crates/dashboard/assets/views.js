// @ts-check
import { h } from './dom.js'
import { icon } from './icons.js'
import { signInLink, supportLink } from './problem.js'
import { fill, text } from './strings.js'

export const loadingView = () => h('div', { class: 'skeleton', 'aria-busy': 'true' },
  h('p', { class: 'visually-hidden' }, text.loading), [1, 2, 3, 4].map(() => h('div', { class: 'bone', 'aria-hidden': 'true' })))

/** @param {Panel} panel */
export const emptyView = panel => h('div', { class: 'blank' }, icon('key'), h('slot', { name: 'empty' }, h('h3', {}, text.emptyTitle), h('p', {}, text.empty)),
  h('div', { class: 'buttons' },
    h('button', { type: 'button', class: 'button primary', 'data-focus': 'create', onclick: () => panel.openCreate() }, icon('plus'), text.create),
    panel.docsUrl && h('a', { class: 'button quiet', href: panel.docsUrl, ...panel.elsewhere }, text.docs)))

/** @param {Panel} panel @param {View} view */
export const noMatchesView = (panel, view) => h('div', { class: 'blank' }, icon('search'), h('p', {}, view.q ? fill(text.noMatches, view) : text.noMatchesFilters),
  h('button', { type: 'button', class: 'button', onclick: () => { panel.clearFilters(); panel.focusOn('heading') } }, text.clear))

/** @param {Panel} panel */
export const signedOutView = panel => h('div', { class: 'blank', role: 'alert' }, icon('key'),
  h('p', {}, panel.api.account ? text.signedOutAgain : text.signedOutView), signInLink(panel, text.signIn))

/** @param {Panel} panel */
export const failedView = panel => h('div', { class: 'blank' }, icon('warning'), h('p', {}, text.loadFailed),
  h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'button', onclick: () => panel.retry() }, text.retry), supportLink(panel)))
