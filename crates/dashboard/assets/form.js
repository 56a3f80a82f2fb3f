import { api } from './account.js'
import { errorNotice } from './problem.js'
import { text } from './strings.js'
import { seconds } from './times.js'

/**
 * Hands what is typed into `form` to `send`, once at a time, and its answer to `done`. What is wrong is
 * said in place, and what was typed stays.
 */
export function onSubmit(form, send, done) {
  const button = form.querySelector('[type="submit"]')
  const label = button.textContent
  const problem = form.querySelector('#problem')
  let isBusy = false
  const setBusy = busy => {
    isBusy = busy
    button.setAttribute('aria-disabled', busy)
    button.textContent = busy ? button.dataset.busy : label
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
      await done(await send(Object.fromEntries(new FormData(form))))
    } catch (error) {
      problem.replaceChildren(notice(error))
    }
    setBusy(false)
  })
}

/** Whether every field is as it can be sent; of the others each says what it lacks, and the first gets the focus. */
function isComplete(form) {
  const lacking = [...form.querySelectorAll('input[required]')].filter(input => {
    say(input, lack(input))
    return lack(input) !== ''
  })
  lacking[0]?.focus()
  return lacking.length === 0
}

function lack(input) {
  if (input.autocomplete === 'new-password') {
    const length = [...input.value].length
    return length >= 12 && length <= 128 ? '' : text.passwordLength(length)
  }
  return input.value === '' ? text.missing[input.name] : ''
}

function say(input, message) {
  const place = document.getElementById(`${input.name}-problem`)
  if (!place) return
  place.textContent = message
  if (message) input.setAttribute('aria-invalid', 'true')
  else input.removeAttribute('aria-invalid')
}

function makeToggle(toggle) {
  const input = document.getElementById(toggle.getAttribute('aria-controls'))
  const show = shown => {
    input.type = shown ? 'text' : 'password'
    toggle.firstElementChild.textContent = shown ? text.hide : text.show
  }
  toggle.addEventListener('click', () => show(input.type === 'password'))
  // So that nothing takes it for a text to remember.
  input.form.addEventListener('submit', () => show(false))
}

function notice(error) {
  const page = { api, say: () => {} }
  const { message, retryAfter } = error
  const isTooOften = error.status === 429 && retryAfter > 0
  const requestId = error.status >= 500 ? error.requestId : null
  return errorNotice(page, { message, requestId }, isTooOften ? [text.retryIn(seconds(retryAfter))] : [])
}
