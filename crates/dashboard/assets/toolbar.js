// @ts-check
import { h } from './dom.js'
import { icon } from './icons.js'
import { ENVIRONMENTS, STATUSES, cutSecrets } from './keys.js'
import { openShortcuts } from './shortcuts.js'
import { fill, text } from './strings.js'

/** Back undoes a choice, which adds an address, but not typing, which replaces it. @param {Panel} panel */
export function createToolbar(panel) {
  const search = h('input', { type: 'search', class: 'input', 'aria-label': text.search, placeholder: text.searchHint, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'cut' })
  const cut = h('p', { id: 'cut', class: 'hint' })
  search.addEventListener('input', () => {
    const kept = cutSecrets(search.value)
    cut.textContent = kept === search.value ? '' : text.cut
    if (kept !== search.value) search.value = kept
    panel.show({ q: kept, page: 1 }, { isTyping: true })
    if (cut.textContent) panel.say(text.cut)
  })
  const status = filter(text.status, STATUSES, text.statuses, chosen => panel.show({ status: chosen, page: 1 }))
  const environment = filter(text.environment, ENVIRONMENTS, text.environments, chosen => panel.show({ environment: chosen, page: 1 }))
  const sort = h('select', {
    class: 'input', 'aria-label': text.sort,
    onchange: () => {
      const [by, order] = /** @type {[Sort, Order]} */ (sort.value.split(' '))
      panel.show({ sort: by, order, page: 1 })
    },
  }, Object.entries(text.sorts).map(([value, label]) => h('option', { value }, label)))
  const element = h('div', { class: 'toolbar', role: 'search', 'aria-label': text.heading },
    h('div', { class: 'search' }, icon('search'), search), h('div', {}, status), panel.hasEnvironments && h('div', {}, environment), h('div', { class: 'sort-choice' }, sort),
    h('p', { id: 'count', class: 'count', title: text.countedHow, hidden: true }),
    h('button', { type: 'button', class: 'button quiet shortcuts', onclick: () => openShortcuts(panel) }, text.shortcuts), cut)
  return {
    element,
    focus: () => search.focus(),
    update(/** @type {View} */ view) {
      if (search.value !== view.q) {
        search.value = view.q
        cut.textContent = ''
      }
      status.value = view.status ?? ''
      environment.value = view.environment ?? ''
      sort.value = `${view.sort} ${view.order}`
    },
  }
}

/** @type {Filter} */
function filter(label, values, words, choose) {
  const select = h('select', { class: 'input', 'aria-label': label }, h('option', { value: '' }, fill(text.filterAll, { filter: label })),
    values.map(value => h('option', { value }, words[value])))
  select.addEventListener('change', () => choose(values.find(value => value === select.value) ?? null))
  return select
}
