// @ts-check
// What the panel and the page around it have to say to each other; docs/embedding.md describes it.
import { requestFrom } from './languages.js'

/** Sends `api-keys-…` to the page. No detail ever holds the text of a key. @param {EventTarget} panel @param {string} what @param {object} detail */
export function tell(panel, what, detail) {
  panel.dispatchEvent(new CustomEvent(`api-keys-${what}`, { bubbles: true, composed: true, detail }))
}

/** An event before something is done. A listener stops that by `preventDefault()`, or has it wait for a promise. */
class BeforeEvent extends CustomEvent {
  /** @type {unknown[]} */
  #waits = []

  /** The action waits for `promise`, and is left out where that gives false or is rejected. @param {unknown} promise */
  waitUntil(promise) { this.#waits.push(promise) }

  async isAllowed() {
    if (this.defaultPrevented) return false
    try {
      return !(await Promise.all(this.#waits)).includes(false)
    } catch {
      return false
    }
  }
}

/** Whether the page lets it be done. @param {EventTarget} panel @param {string} what @param {object} detail */
export async function mayDo(panel, what, detail) {
  const event = new BeforeEvent(`api-keys-before-${what}`, { bubbles: true, composed: true, cancelable: true, detail })
  panel.dispatchEvent(event)
  return event.isAllowed()
}

/** A key as events have it. @param {Pick<Key, 'id' | 'name' | 'keyPrefix'>} key */
export const about = ({ id, name, keyPrefix }) => ({ id, name, keyPrefix })

/** @type {Set<string>} */
const complaints = new Set()

/** Tells the developer of the page, once, about a fault of the set-up. @param {string} what */
export function complain(what) {
  if (complaints.has(what)) return
  complaints.add(what)
  console.error(`[api-keys-panel] ${what}`)
}

/** The number that an attribute says, or `standard`. @param {Element} panel @param {string} name @param {{ standard: number, least: number, most: number }} range */
export function numberOf(panel, name, { standard, least, most }) {
  const given = panel.getAttribute(name)
  if (given === null) return standard
  const number = given.trim() === '' ? NaN : Number(given)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  complain(`${name}="${given}" is no number from ${least} to ${most}`)
  return standard
}

/**
 * What the code that comes with a new key sends, but for the key: the page's own request, or else a verification. A bad
 * attribute must not take away the one sight of the key.
 * @param {Panel} panel @returns {ExampleRequest}
 */
export function exampleOf(panel) {
  /** @type {[name: string, read: () => string | null][]} */
  const sources = [
    ['example-request', () => panel.getAttribute('example-request')],
    ['public-url', () => `GET ${new URL(panel.publicUrl, location.href).href.replace(/\/+$/, '')}/api/v1/verify`],
  ]
  for (const [name, read] of sources) {
    try {
      const text = read()
      if (text) return requestFrom(text)
    } catch (error) {
      complain(`${name} is wrong: ${error instanceof Error ? error.message : error}`)
    }
  }
  return requestFrom(`GET ${new URL('/api/v1/verify', import.meta.url)}`)
}

/**
 * Finds out why a call from another origin was not answered, which browsers keep from the page: whether Latchkey is
 * there. What it serves to every origin tells.
 * @param {string} base
 */
export async function complainOfSilence(base) {
  try {
    const { ok } = await fetch(`${base}/embed/api-keys-panel.js`, { cache: 'no-store' })
    if (!ok) return complain(`${base} is no Latchkey: check api-base`)
    // The network may have failed that once.
    await fetch(`${base}/api/v1/api-keys`, { credentials: 'omit', cache: 'no-store' }).catch(() =>
      complain(`${location.origin} is not in LATCHKEY_TRUSTED_ORIGINS of ${base}, so the browser keeps its answers from this page`))
  } catch {
    if (navigator.onLine) complain(`nothing answers at ${base}: check api-base, and whether Latchkey runs`)
  }
}
