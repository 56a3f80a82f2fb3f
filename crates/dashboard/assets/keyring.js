// @ts-check
import { ApiError } from './answer.js'
import { serverNow } from './clock.js'
import { about, tell } from './host.js'
import { counted, matching, pageOf, queryOf } from './keys.js'

/** The keys that a panel shows, and how they change. */
export class Keyring {
  /** Why the last refresh failed, if it did. @type {ApiError?} */
  failure = null

  #panel
  #changes = 0
  /** @type {Promise<void>?} */
  #refreshing = null
  /** @type {(() => void)[]} */
  #onSignedIn = []

  /** @param {Panel} panel @param {Key[]?} keys @param {Rest?} rest what there is beside `keys`, if these are not all @param {AuditEvent[]?} leaked */
  constructor(panel, keys, rest = null, leaked = null) {
    this.#panel = panel
    this.keys = keys
    this.rest = rest
    /** The reports of leaked keys; null while nobody has asked. */
    this.leaked = leaked
  }

  /** How many keys count towards the limit. */
  get counted() { return this.rest?.counted ?? counted(this.keys ?? []) }

  /** The page of the list that a view shows; null while only the keys of another view are here. @param {View} view @param {number} now @param {number} size @returns {Page?} */
  page(view, now, size) {
    /** @type {Key[]} */
    const keys = this.keys ?? []
    if (!this.rest) return pageOf(matching(keys, view, now), view.page, size)
    return queryOf(view) === this.rest.query ? { ...this.rest.page, keys: keys.slice(0, keys.length - this.rest.related) } : null
  }

  /** Once all keys are here, or could not be had. */
  async whole() {
    if (this.rest) await this.refresh()
  }

  /** @param {string?} id */
  find(id) { return this.keys?.find(key => key.id === id) }
  /** @param {Key} key */
  replacedByThis({ id }) { return this.keys?.find(key => key.replacedBy === id) }

  /**
   * Runs a call that changes something. A list that was asked for meanwhile is asked for again.
   * @template T @param {() => Promise<T>} work
   */
  async during(work) {
    this.#panel.problem.clear()
    this.#changes += 1
    try {
      return await work()
    } finally {
      this.#changes += 1
    }
  }

  /** Asks for the list again. An answer from before a change does not count. */
  refresh() {
    this.#refreshing ??= this.#load().finally(() => { this.#refreshing = null })
    return this.#refreshing
  }

  async #load() {
    try {
      let keys
      let before
      do {
        before = this.#changes
        keys = await this.#panel.api.list()
      } while (before !== this.#changes)
      const known = this.keys
      this.keys = keys
      this.rest = null
      if (!this.leaked || known?.some(key => !this.find(key.id))) this.#askForLeaked()
      if (this.failure) this.#panel.problem.clear()
      this.failure = null
      for (const call of this.#onSignedIn.splice(0)) call()
    } catch (thrown) {
      const error = this.failure = ApiError.of(thrown)
      // A list stays readable; the end of the session takes it away, and is shown in its place.
      if (!this.keys && !error.isSignedOut) this.#panel.problem.show(error)
    }
    this.#panel.render()
  }

  /** A key that went without anybody doing that here may have leaked. */
  async #askForLeaked() {
    try {
      this.leaked = await this.#panel.api.leaked()
      this.#panel.render()
    } catch {
      // The next refresh asks again.
      this.leaked = null
    }
  }

  /** Whether a key is gone: only a fresh list of this account proves it, never a status. @param {string} id */
  async isGone(id) {
    await this.refresh()
    return this.failure === null && !this.find(id)
  }

  /** Waits until Latchkey has named the account and the time. */
  async met() {
    if (this.#panel.api.account === null) await this.refresh()
    if (this.#panel.api.account === null) throw this.failure
  }

  /** @param {ApiError?} failure */
  forget(failure) {
    this.keys = this.rest = this.leaked = null
    this.failure = failure
  }

  /** @param {() => void} call */
  onceSignedIn(call) { this.#onSignedIn.push(call) }

  /** Shows a key as it may soon be. @param {Key} key */
  preview(key) {
    this.keys = this.#with(key)
    this.#panel.render()
  }

  /** @param {Key} key */
  replace(key) {
    this.#become(this.#with(key), 'changed', key)
  }

  /** @param {Issued} created @param {KeyRequest} asked */
  added(created, { scopes = null, allowedNetworks = null, limits = null, credits = null }) {
    this.#become([itemOf(created, { scopes, allowedNetworks, limits, credits }), ...this.keys ?? []], 'created', created)
    tell(this.#panel, 'created', { ...about(created), environment: created.environment })
    // The server writes networks its own way.
    if (allowedNetworks) this.refresh()
  }

  /** @param {Key} old @param {Issued} created @param {number} overlapSeconds */
  rotated(old, created, overlapSeconds) {
    const end = serverNow() + overlapSeconds * 1000
    const expiresAt = new Date(Math.min(end, old.expiresAt ? Date.parse(old.expiresAt) : end)).toISOString()
    const replaced = overlapSeconds > 0 ? [{ ...old, expiresAt, replacedBy: created.id }] : []
    const rest = (this.keys ?? []).flatMap(key => key.id === old.id ? replaced : [key])
    this.#become([itemOf(created, old), ...rest], 'rotated', old)
    tell(this.#panel, 'rotated', { ...about(created), environment: created.environment, replaces: old.id })
    // The server has the exact end.
    this.refresh()
  }

  /** @param {Key} gone */
  removed(gone) {
    this.#become(this.keys?.filter(key => key.id !== gone.id), 'revoked', gone)
    tell(this.#panel, 'revoked', about(gone))
  }

  /** Only lists say how much keys are used. @param {Key} key */
  #with(key) { return this.keys?.map(other => other.id === key.id ? { usage: other.usage, ...key } : other) ?? null }

  /** @param {Key[] | null | undefined} keys @param {string} action @param {Pick<Key, 'id' | 'name' | 'keyPrefix'>} key */
  #become(keys, action, key) {
    this.keys = keys ?? null
    this.#panel.render()
    tell(this.#panel, 'changed', { action, ...about(key) })
  }
}

/**
 * A new key as the list has it, without its text and who made it, which nothing here shows.
 * @param {Issued} issued @param {Pick<Key, 'scopes' | 'allowedNetworks' | 'limits' | 'credits'>} like @returns {Key}
 */
function itemOf({ id, name, keyPrefix, createdAt, environment, expiresAt }, { scopes, allowedNetworks, limits, credits }) {
  const later = { lastUsedAt: null, enabled: true, replacedBy: null, createdBy: null, metadata: {}, scopes, allowedNetworks, limits, credits, usage: Array(30).fill(0) }
  return { id, name, keyPrefix, createdAt, environment, expiresAt, ...later }
}
