import { api } from './account.js'
import { serverNow } from './clock.js'
import { csv } from './csv.js'
import { h } from './dom.js'
import { errorNotice } from './problem.js'
import { text } from './strings.js'
import { MINUTE, exact, relative } from './times.js'

const COLUMNS = ['at', 'action', 'keyId', 'actor', 'address', 'userAgent', 'requestId', 'id']

const times = [...document.querySelectorAll('.trail time')]
const showDistances = () => {
  for (const time of times) time.textContent = relative(time.dateTime, serverNow())
}
for (const time of times) time.after(h('span', { class: 'exact' }, exact(time.dateTime)))
showDistances()
setInterval(showDistances, MINUTE)

const button = document.querySelector('.export')
const label = button.textContent
const [problem, progress] = ['#problem', '#progress'].map(id => document.querySelector(id))
let isBusy = false

button.addEventListener('click', async () => {
  if (isBusy) return
  isBusy = true
  button.setAttribute('aria-disabled', 'true')
  problem.replaceChildren()
  progress.textContent = text.exporting
  try {
    const events = await whole(button.dataset.key)
    save(csv([COLUMNS, ...events.map(event => COLUMNS.map(column => event[column]))]))
    progress.textContent = text.exported(events.length)
  } catch (error) {
    progress.textContent = ''
    const page = { api, say: () => {} }
    problem.replaceChildren(errorNotice(page, error.isSignedOut ? { message: text.signedOut } : error, []))
  }
  button.textContent = label
  button.setAttribute('aria-disabled', 'false')
  isBusy = false
})

/** The whole trail, or what it tells of one key. */
async function whole(key) {
  const events = []
  for (let last, page; page?.length !== 0; last = page.at(-1)?.id) {
    page = await api.events(last)
    events.push(...page.filter(event => !key || event.keyId === key))
    button.textContent = text.exportedSoFar(events.length)
  }
  return events
}

function save(content) {
  const href = URL.createObjectURL(new Blob([content], { type: 'text/csv' }))
  const today = new Date(serverNow()).toISOString().slice(0, 10)
  h('a', { href, download: `latchkey-activity-${today}.csv` }).click()
  setTimeout(() => URL.revokeObjectURL(href), MINUTE)
}
