import { serverNow } from './clock.js'
import { copyButton } from './copy.js'
import { Dialog } from './dialog.js'
import { h } from './dom.js'
import { statuses } from './keys.js'
import { problemPlace } from './problem.js'
import { text } from './strings.js'
import { exact, relative } from './times.js'
import { told } from './told.js'

/** Everything there is to know of a key, with its part of the audit trail. */
export function openDetails(panel, key) {
  const dialog = new Dialog(panel, key.name, { class: 'wide' })
  const now = serverNow()
  const createdBy = h('dd', {}, '…')
  const history = h('div', { 'aria-busy': 'true' }, h('p', { class: 'muted' }, text.historyLoading))
  const time = at => at ? `${relative(at, now)} (${exact(at)})` : text.never
  const fact = (term, ...value) => h('div', {}, h('dt', {}, term), h('dd', {}, value))
  const id = h('code', {}, key.id)
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
      key.replacedBy && fact(text.replacedBy, prefixOrId(panel, key.replacedBy)),
      panel.keyring.replacedByThis(key) && fact(text.replaces, prefixOrId(panel, panel.keyring.replacedByThis(key).id))),
    h('h3', { id: 'history' }, text.history), history,
    h('div', { class: 'buttons' },
      h('a', { class: 'button quiet', href: `${panel.api.base}/account/activity?key=${key.id}`, ...panel.elsewhere }, text.allActivity),
      h('button', { type: 'button', class: 'button', onclick: () => dialog.leave() }, text.close)))
  load(panel, key, history, createdBy)
}

const prefixOrId = (panel, id) => h('code', {}, panel.keyring.find(id)?.keyPrefix ?? id)

async function load(panel, key, history, createdBy) {
  try {
    const events = await panel.api.allEvents({ key: key.id })
    // The rotation that issued a key is told of the key that it replaced.
    const beginning = events.findLast(event => event.action === 'key.created' || event.keyId !== key.id)
    createdBy.replaceChildren(...(beginning ? whoAndWhere(beginning) : ['–']))
    history.replaceChildren(events.length ? historyTable(events, key) : h('p', { class: 'muted' }, text.historyEmpty))
  } catch (error) {
    createdBy.textContent = '–'
    const problem = problemPlace(panel, 'history-problem')
    history.replaceChildren(problem.place, h('button', {
      type: 'button', class: 'button', onclick: () => load(panel, key, history, createdBy),
    }, text.retry))
    problem.show(error)
  }
  history.setAttribute('aria-busy', 'false')
}

/** An id of an account is the reader's own: others don't get at their keys. */
const who = event => text.actors[event.actor] ?? text.you
const whoAndWhere = event => [
  [who(event), event.address && `${text.from} ${event.address}`].filter(Boolean).join(' '),
  ...(event.userAgent ? [h('span', { class: 'hint' }, event.userAgent)] : []),
]

function shown(part) {
  if (typeof part === 'string') return part
  return part.name === undefined ? exact(part.at) : ['“', h('bdi', {}, part.name), '”']
}

function historyTable(events, key) {
  const head = [text.when, text.what, text.who, text.where]
  return h('table', { class: 'table history', 'aria-labelledby': 'history', role: 'table' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head.map(label => h('th', { role: 'columnheader', scope: 'col' }, label)))),
    h('tbody', { role: 'rowgroup' }, events.map(event => {
      const what = told(event, key.id).map(parts => h('span', { class: 'sentence' }, parts.map(shown)))
      const cells = [
        h('time', { datetime: event.at }, exact(event.at)), what, who(event),
        [event.address ?? '–', event.userAgent && h('span', { class: 'hint agent' }, event.userAgent)],
      ]
      return h('tr', { role: 'row' }, cells.map((cell, at) => h('td', { role: 'cell', 'data-label': head[at] }, h('div', {}, cell))))
    })))
}
