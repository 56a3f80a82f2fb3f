// @ts-check
import { accessFacts } from './access-facts.js'
import { ApiError } from './answer.js'
import { silenceIn } from './calls.js'
import { serverNow } from './clock.js'
import { copyButton } from './copy.js'
import { Dialog } from './dialog.js'
import { h } from './dom.js'
import { statuses } from './keys.js'
import { problemPlace } from './problem.js'
import { program } from './program.js'
import { fill, parts, text } from './strings.js'
import { exact, relative } from './times.js'
import { told } from './told.js'
import { usageOf } from './usage.js'

/** @type {OnKey} */
export function openDetails(panel, key) {
  const dialog = new Dialog(panel, key.name, { class: 'drawer' })
  dialog.hasAddress = true
  panel.address.showDetails(key.id)
  dialog.onClosed = () => panel.address.showDetails(null)
  const now = serverNow()
  const createdBy = h('dd', {}, '…')
  const history = h('div', { 'aria-busy': 'true' }, h('p', { class: 'muted' }, text.historyLoading))
  const time = (/** @type {string?} */ at) => at ? `${relative(at, now)} (${exact(at)})` : text.never
  /** @param {string} term @param {Leaf[]} value */
  const fact = (term, ...value) => h('div', {}, h('dt', {}, term), h('dd', {}, value))
  const id = h('code', {}, key.id)
  const [old, successor] = [panel.keyring.replacedByThis(key), panel.keyring.find(key.replacedBy)]
  dialog.show(
    h('dl', { class: 'facts' },
      fact(text.id, id, copyButton({ label: text.copyId, iconOnly: true, kind: 'quiet icon-only', what: () => key.id, shown: () => id, say: panel.say })),
      fact(text.prefix, h('code', {}, `${key.keyPrefix}••••`)),
      fact(text.environment, text.environments[key.environment]),
      fact(text.status, statuses(key, now).map(status => text.statuses[status]).join(', ')),
      fact(text.columns.created, time(key.createdAt)),
      h('div', {}, h('dt', {}, text.createdBy), createdBy),
      fact(text.columns.used, time(key.lastUsedAt), h('span', { class: 'hint' }, ` ${text.mayLag}`)),
      fact(text.columns.expires, time(key.expiresAt)),
      accessFacts(key, panel.catalogue.list ?? []).map(([term, value]) => fact(term, value)),
      key.replacedBy && fact(text.replacedBy, h('code', {}, successor?.keyPrefix ?? key.replacedBy), silenceIn(key, successor, now)),
      old && fact(text.replaces, h('code', {}, old.keyPrefix))),
    h('h3', {}, text.usage.title), usageOf(panel, { usage: query => panel.api.usage(key.id, query), refusals: () => panel.api.refusals(key.id), credits: key.credits }),
    h('h3', { id: 'history' }, text.history), history,
    h('div', { class: 'buttons' },
      panel.hasPages && h('a', { class: 'button quiet', href: `${panel.api.base}/account/activity?key=${key.id}`, ...panel.elsewhere }, text.allActivity),
      h('button', { type: 'button', class: 'button', onclick: () => dialog.leave() }, text.close)))
  load(panel, key, history, createdBy)
}

/** @param {Panel} panel @param {Key} key @param {HTMLElement} history @param {HTMLElement} createdBy */
async function load(panel, key, history, createdBy) {
  try {
    const events = await panel.api.allEvents({ key: key.id })
    // The event of the rotation that issued a key has the id of the old key.
    const beginning = events.findLast(event => event.action === 'key.created' || event.action === 'key.rotated' && event.keyId !== key.id)
    createdBy.replaceChildren(...(beginning ? whoAndWhere(beginning) : ['–']))
    history.replaceChildren(events.length ? historyTable(events, key) : h('p', { class: 'muted' }, text.historyEmpty))
  } catch (error) {
    createdBy.textContent = '–'
    const problem = problemPlace(panel, 'history-problem')
    history.replaceChildren(problem.place, h('button', {
      type: 'button', class: 'button', onclick: () => load(panel, key, history, createdBy),
    }, text.retry))
    problem.show(ApiError.of(error))
  }
  history.setAttribute('aria-busy', 'false')
}

/** The id of an account is the reader's: nobody else can change the key. */
const who = (/** @type {AuditEvent} */ event) => /** @type {Words} */ (text.actors)[event.actor.split(':')[0]] ?? text.you
const whoAndWhere = (/** @type {AuditEvent} */ event) => [
  event.address ? fill(text.byFrom, { who: who(event), address: event.address }) : who(event),
  ...(event.userAgent ? [h('span', { class: 'hint', title: event.userAgent }, program(event.userAgent))] : []),
]

/** @param {Part} part */
function shown(part) {
  if (typeof part === 'string') return part
  return 'at' in part ? exact(part.at) : parts(text.quoted, { name: h('bdi', {}, part.name) })
}

/** @param {AuditEvent[]} events @param {Key} key */
function historyTable(events, key) {
  const head = [text.when, text.what, text.who, text.where]
  return h('table', { class: 'table history', 'aria-labelledby': 'history', role: 'table' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head.map(label => h('th', { role: 'columnheader', scope: 'col' }, label)))),
    h('tbody', { role: 'rowgroup' }, events.map(event => {
      const what = told(event, key.id).map(parts => h('span', { class: 'sentence' }, parts.map(shown)))
      const cells = [
        h('time', { datetime: event.at }, exact(event.at)), what, who(event),
        [event.address ?? '–', event.userAgent && h('span', { class: 'hint agent', title: event.userAgent }, program(event.userAgent))],
      ]
      return h('tr', { role: 'row' }, cells.map((cell, at) => h('td', { role: 'cell', 'data-label': head[at] }, h('div', {}, cell))))
    })))
}
