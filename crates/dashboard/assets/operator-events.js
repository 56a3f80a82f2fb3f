// @ts-check
import { ApiError } from './answer.js'
import { serverNow } from './clock.js'
import { csv } from './csv.js'
import { h } from './dom.js'
import { operator } from './operator-api.js'
import { failed, told } from './operator-notes.js'
import { text } from './operator-strings.js'
import { stage } from './stage.js'
import { plural } from './strings.js'
import { MINUTE } from './times.js'
import { changesCell } from './told.js'

/** @type {(keyof OwnedEvent)[]} */
const COLUMNS = ['at', 'ownerId', 'action', 'keyId', 'keyIds', 'keyName', 'keyPrefix', 'changes', 'actor', 'address', 'userAgent', 'requestId', 'id']

/** Saves the events that the page is about, all of them, as a file. @param {Acting} acting */
export async function saveEvents({ button, subject: { owner, key, action } }) {
  if (button.getAttribute('aria-disabled') === 'true') return
  const label = button.textContent
  button.setAttribute('aria-disabled', 'true')
  stage.say(text.exporting)
  try {
    const which = { ...(owner && { owner }), ...(key && { keyId: key }), ...(action && { action }) }
    const events = await operator.events(which, number => { button.textContent = plural(text.exported, number) })
    const cells = events.map(event => ({ ...event, keyIds: event.keyIds?.join(' ') ?? null, changes: changesCell(event.changes) }))
    save(csv([COLUMNS, ...cells.map(cell => COLUMNS.map(column => cell[column]))]))
    told(plural(text.exported, events.length))
  } catch (thrown) {
    failed(ApiError.of(thrown))
  }
  button.textContent = label
  button.removeAttribute('aria-disabled')
}

/** @param {string} content */
function save(content) {
  const href = URL.createObjectURL(new Blob([content], { type: 'text/csv' }))
  const today = new Date(serverNow()).toISOString().slice(0, 10)
  h('a', { href, download: `latchkey-activity-of-all-${today}.csv` }).click()
  setTimeout(() => URL.revokeObjectURL(href), MINUTE)
}
