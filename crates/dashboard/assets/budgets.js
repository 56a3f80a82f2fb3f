// @ts-check
// How much may be used: limits for windows of the calendar, and credits for good.
import { ofKey, openChange } from './change.js'
import { focusUnfolded, h } from './dom.js'
import { isSame, memberOf } from './scopes.js'
import { fill, text } from './strings.js'

const WINDOWS = /** @type {const} */ (['second', 'minute', 'hour', 'day', 'month'])
const MOST_IN_A_WINDOW = 1_000_000_000
const MOST_CREDITS = 1_000_000_000_000

/**
 * A field for a whole number, or for none. `value()` is undefined for what is no such number.
 * @param {{ id: string, least: number, most: number, describedBy: string }} about @param {Attributes} attributes
 */
function numberField({ id, least, most, describedBy }, attributes = {}) {
  const input = h('input', { id, class: 'input', type: 'number', min: least, max: most, step: 1, autocomplete: 'off', 'aria-describedby': describedBy, ...attributes })
  return {
    input,
    value: () => !input.validity.valid ? undefined : input.value === '' ? null : Number(input.value),
    invalid: (/** @type {boolean} */ is) => input.setAttribute('aria-invalid', String(is)),
  }
}

/** The limits of a key or an owner, a field for each window. `held` are those that it has now. @param {Key['limits']} held */
export function limitsFields(held = null, /** @type {string} */ hint = text.limitsHint) {
  const rows = WINDOWS.map(every => {
    const number = numberField({ id: `limit-${every}`, least: 1, most: MOST_IN_A_WINDOW, describedBy: 'limits-problem' })
    number.input.value = `${held?.find(it => it.every === every)?.limit ?? ''}`
    number.input.addEventListener('input', () => clear())
    return { every, ...number }
  })
  const problem = h('p', { id: 'limits-problem', class: 'problem', role: 'alert' })
  const clear = () => {
    problem.textContent = ''
    for (const { invalid } of rows) invalid(false)
  }
  /** @param {string} message @param {typeof rows} wrong */
  const complain = (message, wrong) => {
    problem.textContent = message
    for (const { invalid } of wrong) invalid(true)
    focusUnfolded(wrong[0].input)
  }
  /** @returns {Key['limits']} What was typed; NaN stands for what is no number, so that it differs from every limit. */
  const limits = () => {
    const list = rows.flatMap(({ every, value }) => value() === null ? [] : [{ limit: value() ?? NaN, every }])
    return list.length > 0 ? /** @type {NonNullable<Key['limits']>} */ (list) : null
  }
  return {
    field: h('fieldset', { class: 'field' }, h('legend', {}, text.limits), h('p', { class: 'hint' }, hint),
      h('div', { class: 'windows' }, rows.map(({ every, input }) => h('div', { class: 'field' }, h('label', { for: input.id }, text.limitWindows[every]), input))), problem),
    /** @returns {Pick<KeyRequest, 'limits'>} */
    value: () => isSame(limits(), held) ? {} : { limits: limits() },
    check() {
      const wrong = rows.filter(({ value }) => value() === undefined)
      if (wrong.length > 0) complain(text.limitWrong, wrong)
      return wrong.length === 0
    },
    clear,
    took: tookBy('limits', message => complain(message, rows)),
  }
}

/** The credits that a new key begins with. */
export function creditsField() {
  const { input, value, invalid } = numberField({ id: 'credits', least: 0, most: MOST_CREDITS, describedBy: 'credits-hint credits-problem' })
  const { problem, clear, complain } = problemOf(input, invalid)
  return {
    field: h('div', { class: 'field' }, h('label', { for: 'credits' }, text.credits.title), input, h('p', { id: 'credits-hint', class: 'hint' }, text.credits.hint), problem),
    /** @returns {Pick<KeyRequest, 'credits'>} */
    value: () => value() === null ? {} : { credits: value() },
    check() {
      if (value() !== undefined) return true
      complain(text.credits.wrong)
      return false
    },
    clear,
    took: tookBy('credits', complain),
  }
}

/** Credits to add to those that are left, or to take; or the end of the counting. `left` is null where they are not counted. @param {number?} left */
function addFields(left) {
  const { input, value, invalid } = numberField({ id: 'credits', least: -MOST_CREDITS, most: MOST_CREDITS, describedBy: 'credits-hint credits-problem' }, { autofocus: true })
  const { problem, clear, complain } = problemOf(input, invalid)
  const ending = h('input', { type: 'checkbox', id: 'uncount' })
  ending.addEventListener('change', () => {
    input.disabled = ending.checked
    clear()
  })
  return {
    field: h('div', {},
      h('div', { class: 'field' }, h('p', {}, left === null ? text.credits.uncounted : fill(text.credits.left, { number: left })), h('label', { for: 'credits' }, text.credits.add), input,
        h('p', { id: 'credits-hint', class: 'hint' }, text.credits.addHint), problem),
      left !== null && h('label', { class: 'check' }, ending, text.credits.end)),
    /** @returns {{ add?: number | null }} */
    value() {
      if (ending.checked) return { add: null }
      return input.value === '' && input.validity.valid ? {} : { add: value() ?? NaN }
    },
    check() {
      const isRight = ending.checked || !!value()
      if (!isRight) complain(text.credits.addWrong)
      return isRight
    },
    clear,
    /** @param {ApiError} error */
    took(error) {
      if (error.code !== 'conflict' && !(error.code === 'invalid_request' && memberOf(error.message) === 'credits')) return false
      complain(error.code === 'conflict' ? text.credits.outOfRange : error.message)
      return true
    },
  }
}

/** @param {HTMLInputElement} input @param {(is: boolean) => void} invalid */
function problemOf(input, invalid) {
  const problem = h('p', { id: `${input.id}-problem`, class: 'problem', role: 'alert' })
  const say = (/** @type {string} */ message) => {
    problem.textContent = message
    invalid(message !== '')
  }
  input.addEventListener('input', () => say(''))
  return {
    problem,
    clear: () => say(''),
    complain(/** @type {string} */ message) {
      say(message)
      focusUnfolded(input)
    },
  }
}

/** Shows an error beside the field that it is about; false where it is about none. @param {string} member @param {(message: string) => void} complain */
const tookBy = (member, complain) => (/** @type {ApiError} */ error) => {
  const isIts = error.code === 'invalid_request' && memberOf(error.message) === member
  if (isIts) complain(error.message)
  return isIts
}

/** Changes the limits of a key or an owner. @param {Stage} stage @param {{ name: string, limits: Key['limits'] }} whose @param {HowToChange<Pick<KeyChange, 'limits'>>} how @param {string} [hint] */
export const openLimitsOf = (stage, { name, limits }, how, hint) => openChange(stage, text.limitsTitle, name, limitsFields(limits, hint), how)

/** Adds credits to a key or an owner. @param {Stage} stage @param {{ name: string, credits: number? }} whose @param {HowToChange<CreditsChange>} how */
export const openCreditsOf = (stage, { name, credits }, how) => openChange(stage, text.credits.addTitle, name, addFields(credits), how)

/** @type {OnKey} */
export const openLimits = (panel, key) => openLimitsOf(panel, key, ofKey(panel, key, change => panel.api.change(key.id, change), fill(text.limitsChanged, key)))

/** @type {OnKey} */
export const openCredits = (panel, key) => openCreditsOf(panel, key, ofKey(panel, key, change => panel.api.addCredits(key.id, change), fill(text.creditsChanged, key)))
