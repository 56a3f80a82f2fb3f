// @ts-check
import { h, patchRows } from './dom.js'
import { SORTS, firstOrder } from './keys.js'
import { openRevoke } from './revoke.js'
import { rowOf } from './row.js'
import { fill, plural, text } from './strings.js'

const COLUMNS = /** @type {const} */ (['name', 'key', 'created', 'used', 'calls', 'expires', 'status', 'actions'])

/** @param {Panel} panel */
export function createList(panel) {
  const all = h('input', { type: 'checkbox', 'aria-label': text.selectAll, onchange: () => panel.select(shown, all.checked) })
  const headers = COLUMNS.map(name => headerOf(panel, name))
  const body = h('tbody', { role: 'rowgroup' })
  const bulk = h('div', { class: 'bulk', role: 'group', 'aria-label': text.selectAll })
  const pages = createPages(panel)
  const element = h('div', { class: 'list' },
    h('table', { class: 'table keys', role: 'table' }, h('caption', { class: 'visually-hidden' }, text.heading),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
        h('th', { role: 'columnheader', scope: 'col', class: 'select' }, h('label', { class: 'target' }, all, h('span', { 'aria-hidden': 'true' }, text.selectAll))), headers)),
      body),
    pages.element, bulk)
  /** @type {string[]} */
  let shown = []

  /** @param {Page} page @param {View} view @param {number} now */
  function update(page, view, now) {
    shown = page.keys.map(key => key.id)
    element.classList.toggle('without-expiry', !panel.hasExpiry && page.keys.every(key => key.expiresAt === null))
    patchRows(body, page.keys.map(key => rowOf(panel, key, now)))
    for (const header of headers) showOrder(header, view)
    pages.update(page)
    mark()
  }
  function mark() {
    const chosen = shown.filter(id => panel.selected.has(id)).length
    all.checked = chosen > 0 && chosen === shown.length
    all.indeterminate = chosen > 0 && chosen < shown.length
    showBulk(panel, bulk)
  }
  return { element, update, mark, ids: () => shown, row: (/** @type {string} */ id) => [...body.rows].find(row => row.dataset.id === id) }
}

/** @param {Panel} panel @param {Column} name */
function headerOf(panel, name) {
  const sorted = SORTS.find(by => by === name)
  const label = text.columns[name]
  const attributes = { role: 'columnheader', scope: 'col', class: name, 'data-sort': sorted }
  if (name === 'actions') return h('th', attributes, h('span', { class: 'visually-hidden' }, label))
  if (!sorted) return h('th', attributes, label)
  const sort = () => {
    const { sort: by, order } = panel.view
    const reverse = order === 'asc' ? 'desc' : 'asc'
    panel.show({ sort: sorted, order: by === sorted ? reverse : firstOrder(sorted), page: 1 })
  }
  return h('th', attributes, h('button', { type: 'button', class: 'sort', onclick: sort }, label))
}

/** @param {HTMLElement} header @param {View} view */
function showOrder(header, view) {
  if (!header.dataset.sort) return
  const order = view.order === 'asc' ? 'ascending' : 'descending'
  header.setAttribute('aria-sort', header.dataset.sort === view.sort ? order : 'none')
}

/** @param {Panel} panel @param {HTMLElement} bulk */
function showBulk(panel, bulk) {
  const number = panel.selected.size
  bulk.hidden = number === 0
  if (number === 0) return bulk.replaceChildren()
  const chosen = () => (panel.keys ?? []).filter(key => panel.selected.has(key.id))
  bulk.setAttribute('aria-label', plural(text.selected, number))
  bulk.replaceChildren(h('span', {}, plural(text.selected, number)),
    h('button', { type: 'button', class: 'button danger', 'data-focus': 'bulk', onclick: () => openRevoke(panel, chosen()) }, plural(text.revokeSelected, number)),
    h('button', { type: 'button', class: 'button', onclick: () => { panel.select([...panel.selected], false); panel.focusOn('heading') } }, text.clearSelection))
}

/** @param {Panel} panel */
function createPages(panel) {
  let page = 1
  let pages = 1
  const go = (/** @type {number} */ by) => {
    const to = page + by
    if (to < 1 || to > pages) return
    panel.show({ page: to })
    panel.list.element.scrollIntoView({ block: 'nearest' })
  }
  /** @param {string} label @param {number} by */
  const button = (label, by) => h('button', { type: 'button', class: 'button', onclick: () => go(by) }, label)
  const [previous, next] = [button(text.previous, -1), button(text.next, 1)]
  const range = h('span', { class: 'range' })
  const element = h('nav', { class: 'pages', 'aria-label': text.pages }, previous, range, next)
  return {
    element,
    update(/** @type {Page} */ shown) {
      ({ page, pages } = shown)
      element.hidden = pages === 1
      range.textContent = fill(text.range, shown)
      previous.setAttribute('aria-disabled', String(page === 1))
      next.setAttribute('aria-disabled', String(page === pages))
    },
  }
}
