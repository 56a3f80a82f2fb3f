// @ts-check
import { accessFields } from './access.js'
import { afresh } from './afresh.js'
import { ApiError } from './answer.js'
import { creditsField, limitsFields } from './budgets.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { find, h } from './dom.js'
import { expiryField } from './expiry.js'
import { mayDo } from './host.js'
import { folded } from './keys.js'
import { problemPlace } from './problem.js'
import { reveal } from './reveal.js'
import { fill, text } from './strings.js'

const LONGEST = 100
const COUNTED_FROM = 80

/** As the API counts: Unicode scalar values. */
const lengthOf = (/** @type {string} */ name) => [...name].length

/** @param {Panel} panel @param {string} named What the name begins as. @param {string} chosen And the environment. */
export function openCreate(panel, named = '', chosen = 'live') {
  const dialog = new Dialog(panel, text.create)
  dialog.outlivesSession = true
  const name = nameField(panel, named)
  const environment = panel.hasEnvironments && environmentField(chosen === 'test' ? 'test' : 'live')
  const expiry = panel.hasExpiry && expiryField()
  const budgets = panel.hasBudgets ? [limitsFields(), creditsField()] : []
  const access = accessFields({ scopes: panel.scopes, hasNetworks: panel.hasNetworks }, ...budgets.map(it => it.field))
  const more = [access, ...budgets]
  const problem = problemPlace(panel, 'create-problem')
  const { buttons, submit } = formButtons(dialog, text.create)
  const form = h('form', { novalidate: true }, name.field, environment && environment.field, expiry && expiry.field, access.field, problem.place, buttons)

  onSubmit(dialog, form, submit, text.creating, async () => {
    problem.clear()
    for (const fields of more) fields.clear()
    if (!name.check() || !more.every(fields => fields.check())) return
    if (expiry && expiry.value() === undefined) return expiry.complain()
    const asked = () => {
      const expiresAt = expiry && expiry.value()
      return { ...name.value(), ...(environment && { environment: environment.value() }), ...(expiresAt && { expiresAt }), ...Object.assign({}, ...more.map(fields => fields.value())) }
    }
    // A page that takes its time may have taken the panel away.
    if (!await mayDo(panel, 'create', asked()) || !form.isConnected) return
    panel.guard(true)
    try {
      await panel.keyring.met()
      const body = asked()
      const created = await afresh(panel, () => panel.keyring.during(() => panel.api.create(body)))
      panel.keyring.added(created, body)
      reveal(panel, dialog, created)
    } catch (thrown) {
      const error = ApiError.of(thrown)
      panel.guard(false)
      if (more.some(fields => fields.took(error))) return
      name.input.focus()
      name.invalid(error.status === 400)
      problem.show(error, ...(error.isUncertain ? [text.maybeCreated] : []))
      panel.keyring.refresh()
    }
  })
  dialog.show(form)
}

/** @param {Panel} panel @param {string} named */
function nameField(panel, named) {
  const isOptional = panel.hasAttribute('names-optional')
  const isTaken = (/** @type {string} */ name) => name !== '' && panel.keys?.some(key => folded(key.name) === folded(name))
  const hintFor = (/** @type {string} */ name) => isTaken(name) ? text.sameName : text.nameHint
  const hint = h('p', { id: 'name-hint', class: 'hint' }, hintFor(named.trim()))
  const input = h('input', { id: 'name', class: 'input', autofocus: true, autocomplete: 'off', spellcheck: 'false',
    required: !isOptional, 'aria-describedby': 'name-hint name-counter name-problem create-problem' })
  input.value = named
  const counter = h('p', { id: 'name-counter', class: 'hint counter' })
  const problem = h('p', { id: 'name-problem', class: 'problem' })
  const typed = () => input.value.trim()
  const invalid = (/** @type {boolean} */ is) => input.setAttribute('aria-invalid', String(is))
  const complain = (/** @type {string} */ message) => {
    problem.textContent = message
    invalid(message !== '')
  }
  input.addEventListener('input', () => {
    const used = lengthOf(typed())
    counter.textContent = used >= COUNTED_FROM ? fill(text.counter, { used }) : ''
    counter.classList.toggle('over', used > LONGEST)
    hint.textContent = hintFor(typed())
    complain('')
  })
  return {
    input,
    invalid,
    field: h('div', { class: 'field' },
      h('label', { for: 'name' }, text.name, isOptional && h('span', { class: 'muted' }, ` ${text.optional}`)),
      input, h('div', { class: 'beneath' }, hint, counter), problem),
    value: () => typed() ? { name: typed() } : {},
    check() {
      const message = !typed() && !isOptional ? text.nameMissing : lengthOf(typed()) > LONGEST ? text.nameTooLong : ''
      complain(message)
      if (message) input.focus()
      return !message
    },
  }
}

/** @param {Key['environment']} chosen */
function environmentField(chosen) {
  /** @param {Key['environment']} value @param {string} hint */
  const choice = (value, hint) => h('label', { class: 'choice' },
    h('input', { type: 'radio', name: 'environment', value, checked: value === chosen }),
    h('span', {}, h('strong', {}, text.environments[value]), h('span', { class: 'hint' }, hint)))
  const field = h('fieldset', { class: 'field' }, h('legend', {}, text.environment),
    h('div', { class: 'choices' }, choice('live', text.liveHint), choice('test', text.testHint)))
  return { field, value: () => /** @type {Key['environment']} */ (find(field, ':checked', HTMLInputElement).value) }
}
