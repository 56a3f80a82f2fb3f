// @ts-check
import { serverNow } from './clock.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { parts, text } from './strings.js'
import { DAY, exact } from './times.js'

const SETTING = 'latchkey-leaks-read'
/** Older reports are in the activity alone; crates/http does the same for the page that is loaded. */
const SHOWN_FOR = 30 * DAY
/** How many notices are shown together, and how many this browser remembers as read. */
const TOGETHER = 3
const REMEMBERED = 50

/** The notices of keys that were revoked because somebody reported them as leaked, each until it is dismissed. */
export class Leaks {
  place = h('div', { class: 'leaks' })

  #panel
  /** Ids of events. @type {Set<string>} */
  #read

  /** @param {Panel} panel */
  constructor(panel) {
    this.#panel = panel
    this.#read = new Set(readBefore())
  }

  update() {
    const oldest = serverNow() - SHOWN_FOR
    const { keys, keyring: { leaked } } = this.#panel
    const shown = keys && leaked ? leaked.filter(({ id, at, keyName }) => keyName !== null && !this.#read.has(id) && Date.parse(at) > oldest).slice(0, TOGETHER) : []
    const notices = shown.map(event => this.#notice(event))
    if (notices.length !== this.place.children.length || notices.some((notice, at) => !notice.isEqualNode(this.place.children[at]))) {
      this.place.replaceChildren(...notices)
    }
  }

  /** @param {AuditEvent} event */
  #notice({ id, at, keyId, keyName, keyPrefix }) {
    const panel = this.#panel
    const name = `${keyName}`
    const environment = keyPrefix?.includes('_test_') ? 'test' : 'live'
    return h('div', { class: 'notice bad leaked' }, icon('warning'),
      h('p', {}, parts(text.leaked, { name: h('bdi', {}, name), prefix: h('code', {}, keyPrefix), at: h('time', { datetime: at }, exact(at)) })),
      h('button', { type: 'button', class: 'button', 'data-focus': `replace:${id}`, onclick: () => panel.openCreate({ name, environment }) }, text.leakedReplace),
      panel.hasPages && h('a', { class: 'button quiet', href: `${panel.api.base}/account/activity?key=${keyId}`, ...panel.elsewhere }, text.allActivity),
      h('button', { type: 'button', class: 'button quiet icon-only', 'aria-label': text.dismiss, onclick: () => this.#dismiss(id) }, icon('close')))
  }

  /** @param {string} id */
  #dismiss(id) {
    this.#read.add(id)
    remember(id)
    this.update()
    this.#panel.focusOn('heading')
  }
}

/** @returns {string[]} */
function readBefore() {
  try {
    return localStorage.getItem(SETTING)?.split(' ') ?? []
  } catch {
    // The browser keeps nothing for this page.
    return []
  }
}

/** @param {string} id */
function remember(id) {
  try {
    localStorage.setItem(SETTING, [id, ...readBefore()].slice(0, REMEMBERED).join(' '))
  } catch {
    // Then the notice is back when the page is loaded again.
  }
}
