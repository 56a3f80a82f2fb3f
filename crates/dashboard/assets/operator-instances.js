// @ts-check
import { operator } from './operator-api.js'
import { text } from './operator-strings.js'
import { locale } from './strings.js'

const ASK_EVERY = 2_000
/** A heartbeat comes a few times a second: an instance that has sent none for so long is not well. */
const SILENT = 3_000

/** When each instance was last seen to send heartbeats, and how many it had sent. @type {Map<string, { heartbeats: number, at: number }>} */
const seen = new Map()

/** Shows which instances are alive, as long as the page is looked at. @param {HTMLTableElement} table */
export function watchInstances(table) {
  const look = async () => {
    if (document.hidden) return
    // What it says of the session, the page says.
    const answer = await operator.instances().catch(() => null)
    if (answer) show(table, answer)
  }
  look()
  setInterval(look, ASK_EVERY)
}

/** @param {HTMLTableElement} table @param {Instances} answer */
function show(table, answer) {
  const now = performance.now()
  for (const row of table.tBodies[0].rows) {
    const id = `${row.dataset.instance}`
    const instance = answer.instances.find(it => it.id === id)
    const [, applied, behind, heartbeats, last] = row.cells
    if (!instance) {
      last.textContent = text.gone
      continue
    }
    const before = seen.get(id)
    if (!before || before.heartbeats !== instance.heartbeats) seen.set(id, { heartbeats: instance.heartbeats, at: now })
    const silent = now - (seen.get(id)?.at ?? now)
    applied.textContent = `${instance.applied}`
    behind.textContent = `${Math.max(0, answer.asOf - instance.applied)}`
    heartbeats.textContent = `${instance.heartbeats}`
    if (before) last.textContent = silent < SILENT ? text.alive : ago(silent)
  }
}

/** "5 seconds ago". @param {number} milliseconds */
const ago = milliseconds => new Intl.RelativeTimeFormat(locale).format(-Math.round(milliseconds / 1000), 'second')
