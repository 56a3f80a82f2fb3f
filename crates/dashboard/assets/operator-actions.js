// @ts-check
import { afresh } from './afresh.js'
import { ApiError } from './answer.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { h } from './dom.js'
import { operator } from './operator-api.js'
import { addCredits, editAccess, editLimits, settingsOf } from './operator-changes.js'
import { saveEvents } from './operator-events.js'
import { failed } from './operator-notes.js'
import { text } from './operator-strings.js'
import { openNewToken } from './operator-token.js'
import { errorNotice } from './problem.js'
import { stage } from './stage.js'
import { fill, parts, plural } from './strings.js'

/** What the buttons of the pages do, by their `data-do`. @type {{ [name: string]: Act }} */
export const ACTIONS = {
  'revoke-key': ({ subject }) => decide({
    title: text.revokeKeyTitle, why: text.revokeKeyWhy, label: text.revokeKeyDo, progress: text.revoking,
    lines: [[subject.name, `${subject.prefix}••••`, subject.owner]],
    run: () => operator.revokeKey(subject),
    said: fill(text.keyRevoked, subject),
  }),
  'disable-key': act => directly(act, () => operator.changeKey(act.subject, { enabled: false }), fill(text.keyDisabled, act.subject)),
  'enable-key': act => directly(act, () => operator.changeKey(act.subject, { enabled: true }), fill(text.keyEnabled, act.subject)),
  'edit-access': acting => editAccess(acting, showAgain),
  'edit-limits': acting => editLimits(acting, showAgain),
  'add-credits': acting => addCredits(acting, showAgain),
  'edit-metadata': ({ subject }) => editMetadata(subject),

  'revoke-of-creator': ({ subject: { creator } }) => decide({
    title: text.revokeAllTitle, why: text.revokeOfCreatorWhy, label: text.revokeAllDo, progress: text.revoking,
    lines: [[creator]], typed: creator,
    run: () => operator.revokeAll({ createdBy: creator }),
    said: ({ revoked }) => plural(text.allRevoked, revoked.length),
  }),
  'revoke-of-owner': ({ subject: { owner } }) => decide({
    title: text.revokeAllTitle, why: text.revokeOfOwnerWhy, label: text.revokeAllDo, progress: text.revoking,
    lines: [[owner]], typed: owner,
    run: () => operator.revokeAll({ owner }),
    said: ({ revoked }) => plural(text.allRevoked, revoked.length),
  }),
  'suspend-owner': ({ subject }) => decide({
    title: text.suspendTitle, why: text.suspendWhy, label: text.suspend, progress: text.suspending,
    lines: [[subject.owner]],
    run: () => operator.changeOwner(subject.owner, { ...settingsOf(subject), suspended: true }),
    said: text.suspended,
  }),
  'resume-owner': act => directly(act, () => operator.changeOwner(act.subject.owner, { ...settingsOf(act.subject), suspended: false }), text.resumed),
  'limit-owner': ({ subject }) => changeLimit(subject),

  'disable-account': ({ subject: { id, email } }) => decide({
    title: text.disableAccountTitle, why: text.disableAccountWhy, label: text.disableAccountDo, progress: text.disabling,
    lines: [[email]],
    run: () => operator.disableAccount(id),
    said: fill(text.accountDisabled, { email }),
  }),
  'enable-account': act => directly(act, () => operator.enableAccount(act.subject.id), fill(text.accountEnabled, act.subject)),
  'delete-account': ({ subject: { id, email } }) => decide({
    title: text.deleteAccountTitle, why: text.deleteAccountWhy, label: text.deleteAccountDo, progress: text.deleting,
    lines: [[email]], typed: email,
    run: () => operator.deleteAccount(id),
    said: fill(text.accountDeleted, { email }),
  }),

  'create-token': () => openNewToken(showAgain),
  'revoke-token': ({ subject: { id, name, prefix } }) => decide({
    title: text.revokeTokenTitle, why: text.revokeTokenWhy, label: text.revokeTokenDo, progress: text.revoking,
    lines: [[name, `${prefix}••••`]],
    run: () => operator.revokeToken(id),
    said: fill(text.tokenRevoked, { name }),
  }),

  export: acting => saveEvents(acting),
}

/** Loads the page again, which then says what was done. @param {string} said */
function showAgain(said) {
  history.replaceState({ said }, '')
  location.reload()
}

/** Does at a press what a press can take back. @param {Acting} acting @param {() => Promise<unknown>} run @param {string} said */
async function directly({ button }, run, said) {
  if (button.getAttribute('aria-disabled') === 'true') return
  button.setAttribute('aria-disabled', 'true')
  try {
    await afresh(stage, run)
    showAgain(said)
  } catch (thrown) {
    failed(ApiError.of(thrown))
    button.removeAttribute('aria-disabled')
  }
}

/** Asks before it does something. @param {Decision} decision */
function decide({ title, why, lines, label, progress, typed, run, said }) {
  const dialog = new Dialog(stage, title, { role: 'alertdialog', 'aria-describedby': 'why' })
  const confirmation = typed && confirmationField(typed)
  const problem = h('div', { class: 'problem-place', role: 'alert' })
  const { buttons, submit } = formButtons(dialog, label, 'danger', { autofocus: true })
  const form = h('form', { novalidate: true },
    h('ul', { class: 'doomed' }, lines.map(line => h('li', {}, line.filter(it => it).map((words, at) =>
      h(at === 1 ? 'code' : 'bdi', {}, words))))),
    h('p', { id: 'why' }, why), confirmation && confirmation.field, problem, buttons)
  onSubmit(dialog, form, submit, progress, async () => {
    problem.replaceChildren()
    if (confirmation && !confirmation.check()) return
    try {
      const answer = await afresh(stage, run)
      showAgain(typeof said === 'function' ? said(answer) : said)
    } catch (thrown) {
      problem.replaceChildren(errorNotice(stage, ApiError.of(thrown), []))
    }
  })
  dialog.show(form)
}

/** The field in which a person types what it is about. @param {string} wanted */
function confirmationField(wanted) {
  const input = h('input', { id: 'confirmation', class: 'input', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': 'confirmation-problem' })
  const problem = h('p', { id: 'confirmation-problem', class: 'problem' })
  const complain = (/** @type {string} */ message) => {
    problem.textContent = message
    input.setAttribute('aria-invalid', String(message !== ''))
  }
  input.addEventListener('input', () => complain(''))
    return {
    field: h('div', { class: 'field' }, h('label', { for: 'confirmation' }, parts(text.typeThis, { wanted: h('bdi', { class: 'wanted' }, wanted) })), input, problem),
    check() {
      const isRight = input.value.trim() === wanted
      complain(isRight ? '' : text.typeMismatch)
      if (!isRight) input.focus()
      return isRight
    },
  }
}

/** @param {Subject} subject */
function changeLimit(subject) {
  const dialog = new Dialog(stage, text.changeLimit, { class: 'small' })
  const field = h('input', { id: 'limit', class: 'input', type: 'number', min: 0, max: 1_000_000, step: 1, autofocus: true, 'aria-describedby': 'limit-hint' })
  field.value = subject.limit
  const problem = h('div', { class: 'problem-place', role: 'alert' })
  const { buttons, submit } = formButtons(dialog, text.save)
  const form = h('form', { novalidate: true },
    h('div', { class: 'field' }, h('label', { for: 'limit' }, text.limitLabel), field, h('p', { id: 'limit-hint', class: 'hint' }, text.limitHint)),
    problem, buttons)
  onSubmit(dialog, form, submit, text.saving, async () => {
    problem.replaceChildren()
    const typed = field.value.trim()
    try {
      if (!field.validity.valid) throw new Error(text.limitWrong)
      const maxKeys = typed === '' ? null : Number(typed)
      await afresh(stage, () => operator.changeOwner(subject.owner, { ...settingsOf(subject), maxKeys }))
      showAgain(text.limitSaved)
    } catch (thrown) {
      problem.replaceChildren(errorNotice(stage, ApiError.of(thrown), []))
      field.focus()
    }
  })
  dialog.show(form)
}

/** @param {Subject} subject */
function editMetadata(subject) {
  const dialog = new Dialog(stage, text.editMetadata)
  const field = h('textarea', { id: 'metadata', class: 'input mono', rows: 8, spellcheck: 'false', autofocus: true, 'aria-describedby': 'metadata-hint' })
  field.value = document.querySelector('#metadata')?.textContent ?? '{}'
  const problem = h('div', { class: 'problem-place', role: 'alert' })
  const { buttons, submit } = formButtons(dialog, text.save)
  const form = h('form', { novalidate: true },
    h('div', { class: 'field' }, h('label', { for: 'metadata' }, text.metadataLabel), field, h('p', { id: 'metadata-hint', class: 'hint' }, text.metadataHint)),
    problem, buttons)
  onSubmit(dialog, form, submit, text.saving, async () => {
    problem.replaceChildren()
    try {
      if (!isObject(field.value)) throw new Error(text.metadataWrong)
      // As it was typed: a number may have more digits than a script keeps.
      await afresh(stage, () => operator.changeKey(subject, `{"metadata":${field.value}}`))
      showAgain(text.metadataSaved)
    } catch (thrown) {
      problem.replaceChildren(errorNotice(stage, ApiError.of(thrown), []))
      field.focus()
    }
  })
  dialog.show(form)
}

/** @param {string} json */
function isObject(json) {
  try {
    const value = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
