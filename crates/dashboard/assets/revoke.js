// @ts-check
import { afresh } from './afresh.js'
import { ApiError } from './answer.js'
import { serverNow } from './clock.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { h } from './dom.js'
import { about, mayDo } from './host.js'
import { wasUsedLately } from './keys.js'
import { problemPlace } from './problem.js'
import { fill, parts, plural, text } from './strings.js'
import { relative } from './times.js'

/** @param {Panel} panel @param {Key[]} keys */
export function openRevoke(panel, keys) {
  const now = serverNow()
  const isOne = keys.length === 1
  const [{ name }] = keys
  let [revoked, before] = [0, 0]
  const dialog = new Dialog(panel, isOne ? text.revokeTitle : plural(text.revokeManyTitle, keys.length),
    { role: 'alertdialog', 'aria-describedby': 'revoke-warning' })
  const confirmation = keys.some(key => wasUsedLately(key, now)) && confirmationField(isOne ? name : null)
  const problem = problemPlace(panel, 'revoke-problem')
  const { buttons, submit } = formButtons(dialog, isOne ? text.revokeDo : plural(text.revokeManyDo, keys.length), 'danger', { autofocus: true })
  const lines = h('ul', { class: 'doomed' }, keys.map(key => keyLine(key, now)))
  const form = h('form', { novalidate: true }, lines,
    h('p', { id: 'revoke-warning' }, isOne ? text.revokeWarning : text.revokeManyWarning),
    confirmation && confirmation.field, problem.place, buttons)

  onSubmit(dialog, form, submit, text.revoking, async () => {
    problem.clear()
    if (confirmation && !confirmation.check()) return
    if (!await mayDo(panel, 'revoke', { keys: keys.map(about) }) || !form.isConnected) return
    const next = panel.afterwards(keys)
    try {
      for (const key of [...keys]) {
        submit.textContent = isOne ? text.revoking : fill(text.revokedOf, { done: revoked + before, all: revoked + before + keys.length })
        if (await revoke(panel, key)) revoked += 1
        else before += 1
        keys = keys.filter(other => other !== key)
      }
    } catch (thrown) {
      const error = ApiError.of(thrown)
      problem.show(error.isForeign ? new Error(text.notRevoked) : error, ...(error.status === 0 && !error.isForeign ? [text.mayStillWork] : []))
      return lines.replaceChildren(...keys.map(key => keyLine(key, now)))
    }
    dialog.onClosed = () => panel.focusOn(next)
    dialog.close()
    const many = [plural(text.wereRevoked, revoked), before > 0 && plural(text.wereRevokedBefore, before)].filter(Boolean).join(' ')
    panel.told(isOne ? fill(revoked ? text.wasRevoked : text.wasAlreadyRevoked, { name }) : many)
  })
  dialog.show(form)
}

/**
 * Revokes a key; false if it was revoked already. After a 404 or a lost answer, only a fresh list without the key proves
 * that it is revoked.
 * @param {Panel} panel @param {Key} key
 */
async function revoke(panel, key) {
  const { id } = key
  try {
    await afresh(panel, () => panel.keyring.during(() => panel.api.revoke(id)))
    panel.keyring.removed(key)
    return true
  } catch (thrown) {
    const error = ApiError.of(thrown)
    if ((error.isGone || error.isUncertain) && await panel.keyring.isGone(id)) return false
    throw error
  }
}

/** @param {Key} key @param {number} now */
function keyLine(key, now) {
  const used = key.lastUsedAt ? fill(text.lastUsedAt, { at: relative(key.lastUsedAt, now) }) : text.lastUsedNever
  return h('li', {}, h('bdi', {}, key.name), h('code', {}, `${key.keyPrefix}••••`), h('span', { class: 'muted' }, used))
}

/** The field in which to type the key's name, or a word for several keys. @param {string?} name */
function confirmationField(name) {
  const wanted = name ?? text.word
  const shown = h('bdi', { class: 'wanted' }, wanted)
  const label = name === null ? parts(text.typeWord, { word: shown }) : parts(text.typeName, { name: shown })
  const input = h('input', { id: 'confirmation', class: 'input', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': 'confirmation-problem' })
  const problem = h('p', { id: 'confirmation-problem', class: 'problem' })
  const complain = (/** @type {string} */ message) => {
    problem.textContent = message
    input.setAttribute('aria-invalid', String(message !== ''))
  }
  const same = (/** @type {string} */ value) => value.normalize().trim().replace(/\s+/g, ' ')
  input.addEventListener('input', () => complain(''))
  return {
    field: h('div', { class: 'field' }, h('label', { for: 'confirmation' }, label), input, problem),
    check() {
      const isRight = same(input.value) === same(wanted)
      complain(isRight ? '' : name === null ? fill(text.typeWordMismatch, { word: text.word }) : text.typeNameMismatch)
      if (!isRight) input.focus()
      return isRight
    },
  }
}
