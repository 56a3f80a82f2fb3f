// @ts-check
import './page.js'
import { passwordField } from './afresh.js'
import { api } from './account.js'
import { ApiError } from './answer.js'
import { Dialog, formButtons, onSubmit as onSubmitIn } from './dialog.js'
import { find, h } from './dom.js'
import { onSubmit } from './form.js'
import { errorNotice } from './problem.js'
import { stage } from './stage.js'
import { plural, text } from './strings.js'
import { tellTabs } from './tabs.js'
import { day } from './times.js'

const since = find(document, '.facts time', HTMLTimeElement)
since.textContent = day(since.dateTime)

// The e-mail address and the password

/** A form that says when it is done. @param {string} id @param {(typed: Fields) => Promise<unknown>} send @param {string} message */
function form(id, send, message) {
  const element = find(document, id, HTMLFormElement)
  const done = find(element, '.done', HTMLElement)
  const sent = (/** @type {Fields} */ typed) => {
    done.textContent = ''
    return send(typed)
  }
  onSubmit(element, sent, () => {
    element.reset()
    done.textContent = message
  })
}

form('#email-form', async ({ newEmail, password }) => {
  const { email } = await api.changeEmail({ email: newEmail.trim(), password })
  for (const place of document.querySelectorAll('.own-email, .who bdi')) place.textContent = email
}, text.emailChanged)

form('#password-form', ({ currentPassword, newPassword }) => api.changePassword({ currentPassword, newPassword }), text.passwordChanged)

// Sessions

const [problem, done] = ['#sessions-problem', '#sessions-done'].map(id => find(document, id, HTMLElement))
const others = find(document, '.end-others', HTMLButtonElement)
const rowsOfOthers = () => [...document.querySelectorAll('.sessions tbody tr:not([data-current])')]

/** @param {HTMLButtonElement} button @param {() => Promise<string>} end */
function ends(button, end) {
  button.addEventListener('click', async () => {
    if (button.ariaDisabled === 'true') return
    const label = button.textContent
    button.ariaDisabled = 'true'
    button.textContent = text.signingOut
    problem.replaceChildren()
    done.textContent = ''
    try {
      done.textContent = await end()
      others.hidden = rowsOfOthers().length === 0
      if (!button.isConnected || button.hidden) find(document, '#main', HTMLElement).focus()
    } catch (thrown) {
      problem.replaceChildren(errorNotice(stage, ApiError.of(thrown), []))
    }
    button.ariaDisabled = 'false'
    button.textContent = label
  })
}

ends(others, async () => {
  const { ended } = await api.endOtherSessions()
  for (const row of rowsOfOthers()) row.remove()
  return plural(text.sessionsEnded, ended)
})

for (const row of rowsOfOthers()) {
  ends(find(row, '.end', HTMLButtonElement), async () => {
    try {
      await api.endSession(`${row.getAttribute('data-id')}`)
    } catch (thrown) {
      // It has ended meanwhile.
      if (!ApiError.of(thrown).isGone) throw thrown
    }
    row.remove()
    return text.sessionEnded
  })
}

// The end of the account

find(document, '.delete-account', HTMLButtonElement).addEventListener('click', () => {
  const dialog = new Dialog(stage, text.deleteAccountTitle, { role: 'alertdialog', 'aria-describedby': 'delete-warning' })
  const password = passwordField('delete-password')
  const { buttons, submit } = formButtons(dialog, text.deleteAccount, 'danger')
  const form = h('form', { novalidate: true }, h('p', { id: 'delete-warning' }, text.deleteAccountWarning), password.field, buttons)
  onSubmitIn(dialog, form, submit, text.deleting, async () => {
    if (!await password.sent(stage, typed => api.deleteAccount(typed))) return
    tellTabs(null)
    location.replace('/sign-in')
  })
  dialog.show(form)
})
