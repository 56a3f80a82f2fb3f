// @ts-check
import { find, h } from './dom.js'
import { icon } from './icons.js'
import { folded, soughtIn } from './keys.js'
import { MOST, choiceOf, coveredBy, inOrder } from './scopes.js'
import { fill, plural, text } from './strings.js'

/** From more scopes on, a field finds some. */
const MANY = 12

/**
 * The choice of what a key may be used for, where there is a catalogue. `held` is what the key has now: undefined for a new
 * key, null for one that is not restricted.
 * @param {{ catalogue: ScopeOf[], held?: string[] | null, mayGiveAll?: boolean }} given
 */
export function scopePicker({ catalogue, held, mayGiveAll = false }) {
  const choice = choiceOf(catalogue, held, mayGiveAll)
  const named = choice.groups.some(group => group.name !== null)
  const others = choice.others.map(name => ({ name, description: aboutOther(name), isRestricted: false, isTicked: true, isLocked: false }))
  const all = [...(others.length > 0 ? [{ name: text.scopes.others, rows: others }] : []), ...choice.groups]
  let number = 0
  const groups = all.map(group => groupOf(group.name ?? (named ? text.scopes.ungrouped : null), group.rows.map(row => rowOf(row, number++, mayGiveAll)), () => update()))
  const rows = groups.flatMap(group => group.rows)
  const ticked = () => inOrder(held, rows.filter(row => row.box.checked).map(row => row.box.value))

  const ways = choice.isFullOffered && waysOf(choice.isFull)
  const isFull = () => ways !== false && find(ways, ':checked', HTMLInputElement).value === 'full'
  const found = h('p', { class: 'hint' })
  const count = h('p', { class: 'hint' })
  const warning = h('div', { class: 'notice warn' }, icon('warning'), h('p', {}, text.scopes.noneWarning))
  const problem = h('p', { id: 'scopes-problem', class: 'problem', role: 'alert' })
  const list = h('div', { class: 'scope-groups' }, groups.map(group => group.element))
  const chosen = h('div', { class: 'scope-choice' }, rows.length > MANY && filterOf(groups, found), list, h('div', { 'aria-live': 'polite' }, found, count, warning))
  const field = h('fieldset', { class: 'field scopes', 'aria-describedby': 'scopes-hint scopes-problem' }, h('legend', {}, text.scopes.title),
    h('p', { id: 'scopes-hint', class: 'hint' }, text.scopes.hint), ways, chosen, problem)

  const update = () => {
    const grants = ticked()
    chosen.hidden = isFull()
    count.textContent = fill(text.scopes.count, { used: grants.length, all: rows.length })
    warning.hidden = grants.length > 0
    for (const row of rows) row.showCover(coveredBy(grants, row.box.value))
    for (const group of groups) group.update()
    complain('')
  }
  const complain = (/** @type {string} */ message) => { problem.textContent = message }
  field.addEventListener('change', update)
  update()
  return {
    field,
    value: () => isFull() ? null : ticked(),
    /** Whether the API takes as many. */
    check() {
      const isGood = isFull() || ticked().length <= MOST
      if (!isGood) this.complain(fill(text.scopes.tooMany, { most: MOST }))
      return isGood
    },
    /** @param {string} message */
    complain(message) {
      complain(message)
      /** @type {HTMLElement?} */
      const first = field.querySelector(':checked')
      first?.focus()
    },
    clear: () => complain(''),
  }
}

/** @param {string} grant */
function aboutOther(grant) {
  if (grant === '*') return text.scopes.everything
  return grant.endsWith(':*') ? fill(text.scopes.below, { scope: grant.slice(0, -2) }) : text.scopes.uncatalogued
}

/** @param {boolean} isFull */
function waysOf(isFull) {
  const way = (/** @type {string} */ value, /** @type {boolean} */ checked, /** @type {string} */ name, /** @type {string} */ hint) =>
    h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'scopes', value, checked }),
      h('span', {}, h('strong', {}, name), h('span', { class: 'hint' }, hint)))
  return h('div', { class: 'choices' },
    way('full', isFull, text.scopes.full, text.scopes.fullHint), way('some', !isFull, text.scopes.some, text.scopes.someHint))
}

/** @param {ScopeRow} scope @param {number} number @param {boolean} mayGiveAll */
function rowOf(scope, number, mayGiveAll) {
  const [name, about, cover] = ['name', 'about', 'cover'].map(part => `scope-${number}-${part}`)
  const box = h('input', {
    type: 'checkbox', value: scope.name, checked: scope.isTicked, disabled: scope.isLocked, 'aria-labelledby': name, 'aria-describedby': `${about} ${cover}`,
  })
  const why = scope.isLocked ? text.scopes.locked : scope.isRestricted && !mayGiveAll && text.scopes.lockedOnceGone
  const covered = h('span', { id: cover, class: 'hint' })
  const element = h('label', { class: 'scope' }, box, h('span', {},
    h('span', { id: name, class: 'scope-name' }, h('code', {}, scope.name), scope.isRestricted && [' ', h('span', { class: 'tag' }, text.scopes.restricted)]),
    h('span', { id: about, class: 'hint' }, h('bdi', {}, scope.description), why && h('span', { class: 'hint' }, ` ${why}`)), covered))
  return {
    box, element,
    sought: folded(`${scope.name} ${scope.description}`),
    /** @param {string | undefined} grant */
    showCover(grant) { covered.textContent = grant ? fill(text.scopes.covered, { grant }) : '' },
  }
}

/** @param {string?} name @param {ReturnType<typeof rowOf>[]} rows @param {() => void} changed */
function groupOf(name, rows, changed) {
  const free = () => rows.filter(row => !row.box.disabled && !row.element.hidden)
  const isFull = () => free().every(row => row.box.checked)
  const toggle = h('button', { type: 'button', class: 'link', onclick: () => {
    const isTicked = !isFull()
    for (const row of free()) row.box.checked = isTicked
    changed()
  } })
  const elements = [toggle, ...rows.map(row => row.element)]
  const element = name === null ? h('div', { class: 'scope-group' }, elements) : h('fieldset', { class: 'scope-group' }, h('legend', {}, h('bdi', {}, name)), elements)
  return {
    element, rows,
    update() {
      const words = isFull() ? text.scopes.untickAll : text.scopes.tickAll
      toggle.hidden = free().length < 2
      toggle.textContent = words
      if (name !== null) toggle.setAttribute('aria-label', `${words}: ${name}`)
      element.hidden = rows.every(row => row.element.hidden)
    },
  }
}

/** A field that leaves only those rows that it finds, and how many these are. @param {ReturnType<typeof groupOf>[]} groups @param {HTMLElement} found */
function filterOf(groups, found) {
  const input = h('input', { type: 'search', class: 'input', 'aria-label': text.scopes.filter, placeholder: text.scopes.filter, autocomplete: 'off', spellcheck: 'false' })
  const rows = groups.flatMap(group => group.rows)
  input.addEventListener('input', () => {
    const sought = soughtIn(input.value)
    for (const row of rows) row.element.hidden = !row.sought.includes(sought)
    for (const group of groups) group.update()
    found.textContent = sought ? plural(text.scopes.found, rows.filter(row => !row.element.hidden).length) : ''
  })
  // Enter here finds, and creates no key.
  input.addEventListener('keydown', event => { if (event.key === 'Enter') event.preventDefault() })
  return h('div', { class: 'search' }, icon('search'), input)
}
