import { serverNow } from './clock.js'
import { copyButton } from './copy.js'
import { openDetails } from './detail.js'
import { h } from './dom.js'
import { openExpiry } from './expire.js'
import { icon } from './icons.js'
import { expiresSoon, isActive, isExpired, isUnused } from './keys.js'
import { openMenu } from './menu.js'
import { startRename } from './rename.js'
import { openRevoke } from './revoke.js'
import { openRotate } from './rotate.js'
import { text } from './strings.js'
import { countdown, exact, relative } from './times.js'

/** The row of a key. What is told by one glance stands in it, everything else in the details. */
export function rowOf(panel, key, now) {
  const cell = (name, ...content) =>
    h('td', { role: 'cell', class: name, 'data-label': text.labels[name] ?? text.columns[name] }, h('div', { class: 'cell' }, content))
  return h('tr', { role: 'row', 'data-id': key.id, class: [key.enabled ? '' : 'off', panel.isFresh(key) ? 'fresh' : ''].join(' ').trim() },
    h('td', { role: 'cell', class: 'select' }, selectBox(panel, key)),
    h('th', { role: 'rowheader', scope: 'row', class: 'name' }, nameOf(panel, key)),
    cell('key', prefixOf(panel, key)),
    cell('created', timeOf(key.createdAt, now)),
    cell('used', key.lastUsedAt ? timeOf(key.lastUsedAt, now, text.mayLag) : h('span', { class: 'muted' }, text.never)),
    cell('expires', key.expiresAt ? timeOf(key.expiresAt, now) : h('span', { class: 'muted' }, text.never)),
    cell('status', statusOf(panel, key, now)),
    cell('actions', enabledSwitch(panel, key), menuButton(panel, key)))
}

/** How long ago or ahead; the exact time at hand for pointer, finger and keyboard. */
function timeOf(at, now, note = '') {
  return h('button', { type: 'button', class: 'time', 'data-tip': `${exact(at)}${note && `. ${note}`}` },
    h('time', { datetime: at }, relative(at, now)))
}

function selectBox(panel, { id, name }) {
  return h('label', { class: 'target' }, h('input', {
    type: 'checkbox', 'aria-label': text.select(name), checked: panel.selected.has(id), 'data-focus': `select:${id}`,
    onchange: event => {
      event.target.defaultChecked = event.target.checked
      panel.select([id], event.target.checked)
    },
  }))
}

function nameOf(panel, { id, name, environment }) {
  return h('div', { class: 'cell' }, h('bdi', { class: 'key-name' }, name),
    h('span', { class: 'beside' }, h('span', { class: `badge ${environment === 'live' ? 'live' : 'plain'}` }, text.environments[environment]),
      h('button', {
        type: 'button', class: 'button quiet icon-only rename', 'aria-label': text.renameKey(name), 'data-tip': text.rename, 'data-focus': `rename:${id}`,
        onclick: () => startRename(panel, id, `rename:${id}`),
      }, icon('pencil'))))
}

function prefixOf(panel, { keyPrefix }) {
  const code = h('code', { class: 'prefix' }, keyPrefix)
  return [h('span', { class: 'masked' }, code, h('span', { 'aria-hidden': 'true' }, '••••')),
    copyButton({ label: text.copyPrefix(keyPrefix), iconOnly: true, kind: 'quiet icon-only', 'data-tip': text.copyPrefixTip,
      what: () => keyPrefix, shown: () => code, say: panel.say, said: text.prefixCopied })]
}

function statusOf(panel, key, now) {
  const badge = (tone, label) => h('span', { class: `badge ${tone}` }, label)
  const old = panel.keyring.replacedByThis(key)
  return h('div', { class: 'badges' },
    isActive(key, now) && badge('good', text.statuses.active),
    !key.enabled && badge('plain', text.statuses.disabled),
    isExpired(key, now) && badge('bad', text.statuses.expired),
    expiresSoon(key, now) && badge('warn', text.expiresIn(relative(key.expiresAt, now))),
    isUnused(key, now) && h('button', { type: 'button', class: 'badge plain chip', onclick: () => panel.show({ status: 'unused', page: 1 }) }, text.showUnused),
    key.replacedBy && replaced(panel, key, now, badge),
    old && h('span', { class: 'link-line' }, text.replaces, ' ', linkTo(panel, old)),
    old && !isExpired(old, now) && h('span', { class: 'link-line' }, text.oldStopsIn(countdown(old.expiresAt, now))))
}

function replaced(panel, key, now, badge) {
  const successor = panel.keyring.find(key.replacedBy)
  const revokeOld = h('button', { type: 'button', class: 'link', 'data-focus': `old:${key.id}`, onclick: () => openRevoke(panel, [key]) }, text.revokeOld)
  return [badge('warn', text.statuses.replaced),
    successor && h('span', { class: 'link-line' }, text.replacedBy, ' ', linkTo(panel, successor)),
    !isExpired(key, now) && h('span', { class: 'link-line' }, text.stopsIn(countdown(key.expiresAt, now)), ' ', revokeOld)]
}

const linkTo = (panel, { id, keyPrefix }) =>
  h('button', { type: 'button', class: 'link mono', onclick: () => panel.goTo(id) }, keyPrefix)

function enabledSwitch(panel, { id, name, enabled }) {
  return h('button', {
    type: 'button', role: 'switch', class: 'switch', 'aria-checked': String(enabled), 'aria-label': text.enabled(name),
    'aria-busy': panel.busy.has(id), 'data-focus': `enabled:${id}`, onclick: () => toggle(panel, id),
  })
}

/** Shows the other state when it holds everywhere, not before: that is when the API answers. */
async function toggle(panel, id) {
  if (panel.busy.has(id)) return
  const key = panel.keyring.find(id)
  const { name, enabled } = key
  panel.busy.add(id)
  panel.render()
  try {
    panel.keyring.replace(await panel.keyring.during(() => panel.api.change(id, { enabled: !enabled })))
    panel.say(enabled ? text.wasDisabled(name) : text.wasEnabled(name))
  } catch (error) {
    panel.failed(error, key)
  } finally {
    panel.busy.delete(id)
    panel.render()
  }
}

function menuButton(panel, { id, name }) {
  const open = (button, last) => openMenu(panel.shadowRoot, button, itemsFor(panel, panel.keyring.find(id)), { last, back: () => panel.focusOn(`menu:${id}`) })
  return h('button', {
    type: 'button', class: 'button quiet icon-only', 'aria-label': text.actions(name), 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'data-focus': `menu:${id}`,
    onclick: event => open(event.currentTarget, false),
    onkeydown: event => {
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
      event.preventDefault()
      open(event.currentTarget, event.key === 'ArrowUp')
    },
  }, icon('more'))
}

function itemsFor(panel, key) {
  const old = panel.keyring.replacedByThis(key)
  const mayRotate = isActive(key, serverNow())
  return [
    { label: text.details, run: () => openDetails(panel, key) },
    { label: text.rename, run: () => startRename(panel, key.id, `menu:${key.id}`) },
    { label: text.changeExpiry, run: () => openExpiry(panel, key) },
    mayRotate && { label: text.rotate, run: () => openRotate(panel, key) },
    old && { label: text.revokeOld, kind: 'danger', run: () => openRevoke(panel, [old]) },
    { label: text.revoke, kind: 'danger', run: () => openRevoke(panel, [key]) },
  ].filter(Boolean)
}
