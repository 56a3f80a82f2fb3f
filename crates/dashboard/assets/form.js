// @ts-check
import { api } from './account.js'
import { ApiError } from './answer.js'
import { find } from './dom.js'
import { errorNotice } from './problem.js'
import { fill, text } from './strings.js'
import { seconds } from './times.js'

/**
 * Gives the fields of `form` to `send`, one submit at a time, and its answer to `done`. The form says what is wrong,
 * and keeps what was typed.
 * @type {SubmitForm}
 */
export function onSubmit(form, send, done) {
  const button = find(form, '[type="submit"]', HTMLButtonElement)
  const label = button.textContent
  const problem = find(form, '.problem-place', HTMLElement)
  let isBusy = false
  const setBusy = (/** @type {boolean} */ busy) => {
    isBusy = busy
    button.setAttribute('aria-disabled', String(busy))
    button.textContent = busy ? `${button.dataset.busy}` : label
  }
  for (const input of form.querySelectorAll('input')) input.addEventListener('input', () => say(input, ''))
  for (const toggle of form.querySelectorAll('.password button')) makeToggle(toggle)

  form.addEventListener('submit', async event => {
    event.preventDefault()
    if (isBusy) return
    problem.replaceChildren()
    if (!isComplete(form)) return
    setBusy(true)
    try {
      await done(await send(/** @type {Fields} */ (Object.fromEntries(new FormData(form)))))
    } catch (error) {
      problem.replaceChildren(notice(ApiError.of(error)))
    }
    setBusy(false)
  })
}

/** Fields that can't be sent say what they lack; the first gets the focus. @param {HTMLFormElement} form */
function isComplete(form) {
  const lacking = [...form.querySelectorAll('input')].filter(input => input.required).filter(input => {
    say(input, lack(input))
    return lack(input) !== ''
  })
  lacking[0]?.focus()
  return lacking.length === 0
}

/** @param {HTMLInputElement} input */
function lack(input) {
  if (input.autocomplete === 'new-password') {
    const length = [...input.value].length
    return length >= 12 && length <= 128 ? '' : fill(length < 12 ? text.passwordTooShort : text.passwordTooLong, { length })
  }
  return input.value === '' ? /** @type {Words} */ (text.missing)[input.name] ?? '' : ''
}

/** @param {HTMLInputElement} input @param {string} message */
function say(input, message) {
  const place = document.getElementById(`${input.name}-problem`)
  if (!place) return
  place.textContent = message
  if (message) input.setAttribute('aria-invalid', 'true')
  else input.removeAttribute('aria-invalid')
}

/** @param {Element} toggle */
function makeToggle(toggle) {
  const input = find(document, `#${toggle.getAttribute('aria-controls')}`, HTMLInputElement)
  const words = find(toggle, 'span', HTMLElement)
  const show = (/** @type {boolean} */ shown) => {
    input.type = shown ? 'text' : 'password'
    words.textContent = shown ? text.hide : text.show
  }
  toggle.addEventListener('click', () => show(input.type === 'password'))
  // So that no browser stores the password as a text.
  input.form?.addEventListener('submit', () => show(false))
}

/** @param {ApiError} error */
function notice(error) {
  const page = { api, say: () => {} }
  const { message, retryAfter } = error
  const isTooOften = error.status === 429 && retryAfter > 0
  const requestId = error.status >= 500 ? error.requestId : null
  return errorNotice(page, { message, requestId }, isTooOften ? [fill(text.retryIn, { duration: seconds(retryAfter) })] : [])
}
