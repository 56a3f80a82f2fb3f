// @ts-check
import { ApiError } from './answer.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { h } from './dom.js'
import { errorNotice } from './problem.js'
import { text } from './strings.js'

/**
 * Makes a call for which the server wants the password to have been given not long ago (`LATCHKEY_REAUTH_AFTER`): where
 * that is long ago, asks for the password and makes the call again. A person who cancels gets the server's refusal.
 * @template T @param {Stage} stage @param {() => Promise<T>} call
 */
export async function afresh(stage, call) {
  try {
    return await call()
  } catch (thrown) {
    const error = ApiError.of(thrown)
    if (error.code !== 'reauthentication_required' || !await confirmed(stage)) throw error
    return call()
  }
}

/** @param {Stage} stage @returns {Promise<boolean>} */
function confirmed(stage) {
  return new Promise(resolve => {
    const dialog = new Dialog(stage, text.confirmTitle, { class: 'small' })
    const password = passwordField('confirm-password')
    const { buttons, submit } = formButtons(dialog, text.confirm)
    const form = h('form', { novalidate: true }, h('p', {}, text.confirmWhy), password.field, buttons)
    let isConfirmed = false
    dialog.onClosed = () => resolve(isConfirmed)
    onSubmit(dialog, form, submit, text.confirming, async () => {
      isConfirmed = await password.sent(stage, typed => stage.api.confirm(typed))
      if (isConfirmed) dialog.close()
    })
    dialog.show(form)
  })
}

/** The field for the current password. `sent` says whether the API took it, or shows why not. @param {string} id */
export function passwordField(id) {
  const input = h('input', { id, class: 'input', type: 'password', autocomplete: 'current-password', autofocus: true, 'aria-describedby': `${id}-problem` })
  const problem = h('div', { id: `${id}-problem`, class: 'problem-place', role: 'alert' })
  const complain = (/** @type {Node[]} */ ...what) => {
    problem.replaceChildren(...what)
    input.setAttribute('aria-invalid', String(what.length > 0))
    if (what.length) input.focus()
  }
  return {
    field: h('div', { class: 'field' }, h('label', { for: id }, text.password), input, problem),
    /** @param {Speaker} page @param {(typed: { password: string }) => Promise<unknown>} send */
    async sent(page, send) {
      complain()
      if (!input.value) {
        complain(h('p', { class: 'problem' }, text.missing.password))
        return false
      }
      try {
        await send({ password: input.value })
        return true
      } catch (thrown) {
        complain(errorNotice(page, ApiError.of(thrown), []))
        return false
      }
    },
  }
}
