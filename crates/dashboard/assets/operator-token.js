// @ts-check
import { afresh } from './afresh.js'
import { ApiError } from './answer.js'
import { copyButton } from './copy.js'
import { Dialog, ask, formButtons, onSubmit } from './dialog.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { operator } from './operator-api.js'
import { text } from './operator-strings.js'
import { errorNotice } from './problem.js'
import { stage } from './stage.js'
import { fill } from './strings.js'

const RIGHTS = /** @type {const} */ (['keys:read', 'keys:write', 'audit:read', 'owners:write', 'usage:read'])

/** @param {(said: string) => void} done */
export function openNewToken(done) {
  const dialog = new Dialog(stage, text.newTokenTitle)
  dialog.outlivesSession = true
  const name = h('input', { id: 'token-name', class: 'input', maxlength: 100, autocomplete: 'off', autofocus: true })
  const rights = RIGHTS.map(right => h('input', { type: 'checkbox', name: 'right', value: right }))
  const owners = h('input', { id: 'token-owners', class: 'input mono', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': 'owners-hint' })
  owners.value = '*'
  const days = h('input', { id: 'token-days', class: 'input', type: 'number', min: 1, max: 400, step: 1, required: true })
  days.value = '365'
  const problem = h('div', { class: 'problem-place', role: 'alert' })
  const { buttons, submit } = formButtons(dialog, text.createToken)
  const form = h('form', { novalidate: true },
    h('div', { class: 'field' }, h('label', { for: 'token-name' }, text.name), name),
    h('fieldset', { class: 'field' }, h('legend', {}, text.rights),
      rights.map((box, at) => h('label', { class: 'check' }, box, h('code', {}, RIGHTS[at]), h('span', { class: 'hint' }, text.rightsHints[RIGHTS[at]])))),
    h('div', { class: 'field' }, h('label', { for: 'token-owners' }, text.owners), owners, h('p', { id: 'owners-hint', class: 'hint' }, text.ownersHint)),
    h('div', { class: 'field' }, h('label', { for: 'token-days' }, text.days), days),
    problem, buttons)

  /** @returns {[NewToken, null] | [null, [HTMLElement, string]]} */
  const typed = () => {
    const chosen = rights.filter(box => box.checked).map(box => box.value)
    if (!name.value.trim()) return [null, [name, text.nameMissing]]
    if (chosen.length === 0) return [null, [rights[0], text.rightMissing]]
    if (!days.validity.valid) return [null, [days, text.daysWrong]]
    return [{ name: name.value, rights: chosen, owners: owners.value.split(',').map(it => it.trim()).filter(it => it), days: Number(days.value) }, null]
  }
  onSubmit(dialog, form, submit, text.creating, async () => {
    problem.replaceChildren()
    const [body, lack] = typed()
    if (!body) {
      const [field, message] = lack
      problem.replaceChildren(errorNotice(stage, { message }, []))
      return field.focus()
    }
    try {
      reveal(dialog, await afresh(stage, () => operator.createToken(body)), done)
    } catch (thrown) {
      problem.replaceChildren(errorNotice(stage, ApiError.of(thrown), []))
    }
  })
  dialog.show(form)
}

/** Shows the token, which nothing shows again. @param {Dialog} dialog @param {IssuedToken} issued @param {(said: string) => void} done */
function reveal(dialog, issued, done) {
  const field = h('input', { id: 'the-token', class: 'input mono', readonly: true, autofocus: true, autocomplete: 'off', spellcheck: 'false' })
  field.value = issued.token
  field.addEventListener('focus', () => field.select())
  let isCopied = false
  /** @type {Promise<boolean>?} */
  let asking = null
  const question = { title: text.tokenNotCopied, why: text.tokenNotCopiedWhy, yes: text.closeAnyway, no: text.goBack }
  const mayLeave = () => {
    if (isCopied) return true
    asking ??= ask(stage, question).finally(() => { asking = null })
    return asking
  }
  dialog.mayLeave = mayLeave
  const dismiss = () => dialog.close()
  // The browser may keep the page for its Back button, and must not keep the token.
  addEventListener('pagehide', dismiss)
  const copied = () => { isCopied = true }
  dialog.onCopy = copied
  const { name } = issued
  dialog.onClosed = () => {
    removeEventListener('pagehide', dismiss)
    field.value = ''
    issued.token = ''
    done(fill(text.tokenCreated, { name }))
  }
  dialog.title = text.tokenTitle
  dialog.show(
    h('div', { class: 'notice warn' }, icon('warning'), h('p', {}, text.tokenNotice)),
    h('label', { class: 'visually-hidden', for: 'the-token' }, text.token),
    h('div', { class: 'copy-row' }, field,
      copyButton({ label: text.copyToken, kind: 'primary', what: () => field.value, shown: () => field, say: stage.say, done: copied })),
    h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'button', onclick: () => dialog.leave() }, text.done)))
}
