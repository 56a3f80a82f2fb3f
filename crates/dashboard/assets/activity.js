// @ts-check
import './page.js'
import { api } from './account.js'
import { ApiError } from './answer.js'
import { serverNow } from './clock.js'
import { csv } from './csv.js'
import { showDistances } from './distances.js'
import { find, h } from './dom.js'
import { errorNotice } from './problem.js'
import { plural, text } from './strings.js'
import { MINUTE, exact } from './times.js'
import { changesCell } from './told.js'

/** @type {(keyof AuditEvent)[]} */
const COLUMNS = ['at', 'action', 'keyId', 'keyIds', 'keyName', 'keyPrefix', 'changes', 'actor', 'address', 'userAgent', 'requestId', 'id']

/** @type {NodeListOf<HTMLTimeElement>} */
const ends = document.querySelectorAll('.trail .sentence time')
for (const end of ends) end.textContent = exact(end.dateTime)
/** @type {NodeListOf<HTMLTimeElement>} */
const times = document.querySelectorAll('.trail .when time')
showDistances(times)

const button = find(document, '.export', HTMLButtonElement)
const label = button.textContent
const [problem, progress] = ['#problem', '#progress'].map(id => find(document, id, HTMLElement))
let isBusy = false

button.addEventListener('click', async () => {
  if (isBusy) return
  isBusy = true
  button.setAttribute('aria-disabled', 'true')
  problem.replaceChildren()
  progress.textContent = text.exporting
  try {
    const soFar = (/** @type {number} */ number) => { button.textContent = plural(text.exportedSoFar, number) }
    const events = await api.allEvents({ key: button.dataset.key, soFar })
    const cells = events.map(event => ({ ...event, keyIds: event.keyIds?.join(' ') ?? null, changes: changesCell(event.changes) }))
    save(csv([COLUMNS, ...cells.map(cell => COLUMNS.map(column => cell[column]))]))
    progress.textContent = plural(text.exported, events.length)
  } catch (thrown) {
    const error = ApiError.of(thrown)
    progress.textContent = ''
    const page = { api, say: () => {} }
    problem.replaceChildren(errorNotice(page, error.isSignedOut ? { message: text.signedOut } : error, []))
  }
  button.textContent = label
  button.setAttribute('aria-disabled', 'false')
  isBusy = false
})

/** @param {string} content */
function save(content) {
  const href = URL.createObjectURL(new Blob([content], { type: 'text/csv' }))
  const today = new Date(serverNow()).toISOString().slice(0, 10)
  h('a', { href, download: `${button.dataset.file}-${today}.csv` }).click()
  setTimeout(() => URL.revokeObjectURL(href), MINUTE)
}
