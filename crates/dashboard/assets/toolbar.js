import { h } from './dom.js'
import { icon } from './icons.js'
import { ENVIRONMENTS, STATUSES, cutSecrets } from './keys.js'
import { text } from './strings.js'

/** Search and filters. Typing replaces the page's address, choosing adds one, so that Back undoes it. */
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
  const status = filter(panel, 'status', text.status, STATUSES.map(it => [it, text.statuses[it]]))
  const environment = filter(panel, 'environment', text.environment, ENVIRONMENTS.map(it => [it, text.environments[it]]))
  const sort = h('select', {
    class: 'input', 'aria-label': text.sort,
    onchange: () => {
      const [by, order] = sort.value.split(' ')
      panel.show({ sort: by, order, page: 1 })
    },
  }, Object.entries(text.sorts).map(([value, label]) => h('option', { value }, label)))
  const element = h('div', { class: 'toolbar', role: 'search', 'aria-label': text.heading },
    h('div', { class: 'search' }, icon('search'), search), status, environment, h('div', { class: 'sort-choice' }, sort), cut)
  return {
    element,
    update(view) {
      if (search.value !== view.q) {
        search.value = view.q
        cut.textContent = ''
      }
      status.firstChild.value = view.status ?? ''
      environment.firstChild.value = view.environment ?? ''
      sort.value = `${view.sort} ${view.order}`
    },
  }
}

function filter(panel, name, label, options) {
  const select = h('select', {
    class: 'input', 'aria-label': label, onchange: () => panel.show({ [name]: select.value || null, page: 1 }),
  }, h('option', { value: '' }, `${label}: ${text.all}`), options.map(([value, shown]) => h('option', { value }, shown)))
  return h('div', {}, select)
}
