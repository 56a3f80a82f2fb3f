// @ts-check
import { openAccess } from './access.js'
import { ApiError } from './answer.js'
import { openCredits, openLimits } from './budgets.js'
import { serverNow } from './clock.js'
import { callsOf, silenceIn } from './calls.js'
import { copyButton } from './copy.js'
import { openDetails } from './detail.js'
import { h } from './dom.js'
import { openExpiry } from './expire.js'
import { icon } from './icons.js'
import { expiresSoon, isExpired, isUnused, state } from './keys.js'
import { openMenu } from './menu.js'
import { startRename } from './rename.js'
import { openRevoke } from './revoke.js'
import { openRotate } from './rotate.js'
import { fill, text } from './strings.js'
import { brief, countdown, exact } from './times.js'

/** @param {Panel} panel @param {Key} key @param {number} now */
export function rowOf(panel, key, now) {
  /** @param {Column} name @param {Content[]} content */
  const cell = (name, ...content) => noted(name, false, ...content)
  /** @param {Column} name @param {boolean} isNoted @param {Content[]} content */
  const noted = (name, isNoted, ...content) =>
    h('td', { role: 'cell', class: isNoted ? `${name} soon` : name, 'data-label': name === 'actions' ? text.labels.actions : text.columns[name] }, h('div', { class: 'cell' }, content))
  const open = (/** @type {Event} */ { target }) => {
    if (target instanceof Element && !target.closest('button, label, form') && getSelection()?.isCollapsed !== false) openDetails(panel, latest(panel, key))
  }
  return h('tr', { role: 'row', part: 'row', tabindex: -1, 'data-id': key.id, 'data-focus': `row:${key.id}`, onclick: open, class: [key.enabled ? '' : 'off', panel.isFresh(key) ? 'fresh' : ''].join(' ').trim() },
    h('td', { role: 'cell', class: 'select' }, selectBox(panel, key)),
    h('th', { role: 'rowheader', scope: 'row', class: 'name' }, nameOf(panel, key), relationOf(panel, key, now)),
    cell('key', prefixOf(panel, key)),
    cell('created', timeOf(key.createdAt, now)),
    noted('used', isUnused(key, now), usedOf(key, now)),
    cell('calls', key.usage && callsOf(key.usage)),
    noted('expires', expiresSoon(key, now) || stops(key, now), endOf(key, now)),
    cell('status', stateOf(key, now)),
    // An expired key works as little when it is enabled.
    cell('actions', state(key, now) !== 'expired' && enabledSwitch(panel, key), menuButton(panel, key)))
}

/** The distance from now; pointer, finger and keyboard bring up the exact time. @param {string} at @param {number} now */
function timeOf(at, now, note = '', shown = brief(at, now)) {
  return h('button', { type: 'button', class: 'time', 'data-tip': `${exact(at)}${note && `. ${note}`}` },
    h('time', { datetime: at }, shown))
}

/** @param {Panel} panel @param {Key} key */
function selectBox(panel, { id, name }) {
  const box = h('input', {
    type: 'checkbox', 'aria-label': fill(text.select, { name }), checked: panel.selected.has(id), 'data-focus': `select:${id}`,
  })
  box.addEventListener('change', () => {
    box.defaultChecked = box.checked
    panel.select([id], box.checked)
  })
  return h('label', { class: 'target' }, box)
}

/** @param {Panel} panel @param {Key} key */
function nameOf(panel, { id, name, environment }) {
  return h('div', { class: 'cell' }, h('bdi', { class: 'key-name', title: name }, name),
    environment === 'test' && h('span', { class: 'tag' }, text.environments.test),
    h('button', {
      type: 'button', class: 'button quiet icon-only rename', 'aria-label': fill(text.renameKey, { name }), 'data-tip': text.rename, 'data-focus': `rename:${id}`,
      onclick: () => startRename(panel, id, `rename:${id}`),
    }, icon('pencil')))
}

/** @param {Panel} panel @param {Key} key */
function prefixOf(panel, { keyPrefix }) {
  const code = h('code', { class: 'prefix' }, keyPrefix)
  return [h('span', { class: 'masked' }, code, h('span', { 'aria-hidden': 'true' }, '••••')),
    copyButton({ label: fill(text.copyPrefix, { prefix: keyPrefix }), iconOnly: true, kind: 'quiet icon-only', 'data-tip': text.copyPrefixTip,
      what: () => keyPrefix, shown: () => code, say: panel.say, said: text.prefixCopied })]
}

/** @param {Key} key @param {number} now */
function usedOf(key, now) {
  const note = isUnused(key, now) ? text.unusedNote : ''
  if (key.lastUsedAt) return timeOf(key.lastUsedAt, now, [text.mayLag, note].filter(Boolean).join(' '))
  return note ? h('button', { type: 'button', class: 'time', 'data-tip': note }, text.never) : h('span', { class: 'muted' }, text.never)
}

/** Whether another key has replaced it, and it works for a while yet. @param {Key} key @param {number} now */
const stops = (key, now) => key.replacedBy !== null && key.expiresAt !== null && !isExpired(key, now)

/** @param {Key} key @param {number} now */
function endOf(key, now) {
  if (!key.expiresAt) return h('span', { class: 'muted' }, text.never)
  return timeOf(key.expiresAt, now, '', stops(key, now) ? fill(text.in, { left: countdown(key.expiresAt, now) }) : undefined)
}

/** @type {Record<ReturnType<typeof state>, string>} */
const TONES = { active: 'good', disabled: '', expired: 'bad', replaced: 'warn' }

/** @param {Key} key @param {number} now */
function stateOf(key, now) {
  const is = state(key, now)
  return h('span', { class: `state ${TONES[is]}` }, text.statuses[is])
}

/** How a key belongs to another that it replaces, or that replaces it. @param {Panel} panel @param {Key} key @param {number} now */
function relationOf(panel, key, now) {
  const [old, successor] = [panel.keyring.replacedByThis(key), panel.keyring.find(key.replacedBy)]
  const still = silenceIn(key, successor, now)
  return (old || successor || still) && h('div', { class: 'relation' },
    still && [still, ' '],
    old && [text.replaces, ' ', linkTo(panel, old), ' '],
    successor && [text.replacedBy, ' ', linkTo(panel, successor), ' '])
}

/** @param {Panel} panel @param {Key} key */
const linkTo = (panel, { id, keyPrefix }) =>
  h('button', { type: 'button', class: 'link mono', onclick: () => panel.goTo(id) }, keyPrefix)

/**
 * The key as it is now. A row of a key that is gone stays while somebody types in the list: then the API refuses.
 * @param {Panel} panel @param {Key} drawn
 */
const latest = (panel, drawn) => panel.keyring.find(drawn.id) ?? drawn

/** @param {Panel} panel @param {Key} key */
function enabledSwitch(panel, key) {
  const { id, name, enabled } = key
  return h('button', {
    type: 'button', role: 'switch', class: 'switch', 'aria-checked': String(enabled), 'aria-label': fill(text.enabled, { name }),
    'aria-busy': panel.busy.has(id), 'data-focus': `enabled:${id}`, onclick: () => toggle(panel, key),
  })
}

/** Shows the new state when the API has answered: then it holds on every instance. @param {Panel} panel @param {Key} drawn */
async function toggle(panel, drawn) {
  const key = latest(panel, drawn)
  const { id, name, enabled } = key
  if (panel.busy.has(id)) return
  panel.busy.add(id)
  panel.render()
  try {
    panel.keyring.replace(await panel.keyring.during(() => panel.api.change(id, { enabled: !enabled })))
    panel.told(fill(enabled ? text.wasDisabled : text.wasEnabled, { name }), () => toggle(panel, latest(panel, key)))
  } catch (error) {
    panel.failed(ApiError.of(error), key)
  } finally {
    panel.busy.delete(id)
    panel.render()
  }
}

/** @param {Panel} panel @param {Key} key */
function menuButton(panel, key) {
  const { id, name } = key
  const open = (last = false) => openMenu(panel.root, button, itemsFor(panel, latest(panel, key)), { last, back: () => panel.focusOn(`menu:${id}`) })
  const button = h('button', {
    type: 'button', class: 'button quiet icon-only', 'aria-label': fill(text.actionsFor, { name }), 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'data-focus': `menu:${id}`,
    onclick: () => open(),
    onkeydown: event => {
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
      event.preventDefault()
      open(event.key === 'ArrowUp')
    },
  }, icon('more'))
  return button
}

/** @param {Panel} panel @param {Key} key */
function itemsFor(panel, key) {
  const old = panel.keyring.replacedByThis(key)
  const is = state(key, serverNow())
  return [
    { label: text.details, run: () => openDetails(panel, key) },
    { label: text.rename, run: () => startRename(panel, key.id, `menu:${key.id}`) },
    panel.hasExpiry && { label: text.changeExpiry, run: () => openExpiry(panel, key) },
    (panel.hasNetworks || panel.scopes?.list?.length) && { label: text.changeAccess, run: () => openAccess(panel, key) },
    panel.hasBudgets && { label: text.changeLimits, run: () => openLimits(panel, key) },
    panel.hasBudgets && { label: text.addCredits, run: () => openCredits(panel, key) },
    { label: text.rotate, reason: is === 'active' ? undefined : text.rotateOff[is], run: () => openRotate(panel, key) },
    old && { label: text.revokeOld, kind: 'danger', run: () => openRevoke(panel, [old]) },
    { label: text.revoke, kind: 'danger', run: () => openRevoke(panel, [key]) },
  ].filter(item => !!item)
}
