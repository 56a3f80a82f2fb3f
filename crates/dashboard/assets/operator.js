// @ts-check
import './page.js'
import { showDistances } from './distances.js'
import { cutSecrets } from './keys.js'
import { ACTIONS } from './operator-actions.js'
import { watchInstances } from './operator-instances.js'
import { told } from './operator-notes.js'
import { text } from './operator-strings.js'
import { showUsage } from './operator-usage.js'
import { exact } from './times.js'

showTimes()
showSaid()

/** @type {NodeListOf<HTMLElement>} */
const buttons = document.querySelectorAll('[data-do]')
for (const button of buttons) {
  const act = ACTIONS[`${button.dataset.do}`]
  button.addEventListener('click', () => act({ button, subject: subjectOf(button) }))
}

const search = document.querySelector('form.seek')
if (search instanceof HTMLFormElement) listenTo(search)

/** @type {HTMLElement?} */
const usage = document.querySelector('.usage-place')
if (usage) showUsage(usage)
const instances = document.querySelector('#instance-table')
if (instances instanceof HTMLTableElement) watchInstances(instances)

/** What a button is about: its own data, and that of what it stands in. @param {HTMLElement} button */
function subjectOf(button) {
  /** @type {HTMLElement?} */
  const around = button.closest('.subject')
  return /** @type {Subject} */ (/** @type {unknown} */ ({ ...around?.dataset, ...button.dataset }))
}

/** A search is an address, which no key gets into. The policy of the page lets no form send itself. @param {HTMLFormElement} form */
function listenTo(form) {
  const cut = form.querySelector('#cut')
  for (const input of form.querySelectorAll('input')) {
    input.addEventListener('input', () => {
      const kept = cutSecrets(input.value)
      if (cut) cut.textContent = kept === input.value ? '' : text.cut
      if (kept !== input.value) input.value = kept
    })
  }
  form.addEventListener('submit', event => {
    event.preventDefault()
    const given = [...new FormData(form)].map(([name, value]) => [name, cutSecrets(`${value}`.trim())]).filter(([, value]) => value)
    const query = new URLSearchParams(given)
    location.assign(query.size ? `${form.dataset.page}?${query}` : `${form.dataset.page}`)
  })
}

/** Says what was done before the page was loaded again. */
function showSaid() {
  const said = history.state?.said
  if (typeof said !== 'string') return
  history.replaceState(null, '')
  told(said)
}

/** Times the reader's way; those of events as distances, with the exact ones below. */
function showTimes() {
  /** @type {NodeListOf<HTMLTimeElement>} */
  const exactly = document.querySelectorAll('#operator dd > time, #operator .sentence time')
  for (const time of exactly) time.textContent = exact(time.dateTime)
  /** @type {NodeListOf<HTMLTimeElement>} */
  const distances = document.querySelectorAll('#operator .when time, #operator time.time')
  showDistances(distances)
}
