import { serverNow } from './clock.js'

/** The keys that a panel shows, and how they change. */
export class Keyring {
  /** Why they could not be had, if it was so the last time. */
  failure = null

  #panel
  #changes = 0
  #refreshing = null
  #onSignedIn = []

  constructor(panel, keys) {
    this.#panel = panel
    this.keys = keys
  }

  find(id) { return this.keys?.find(key => key.id === id) }
  replacedByThis({ id }) { return this.keys.find(key => key.replacedBy === id) }

  /** Runs a call that changes something; a list that was asked for meanwhile is asked for again. */
  async during(work) {
    this.#panel.problem.clear()
    this.#changes += 1
    try {
      return await work()
    } finally {
      this.#changes += 1
    }
  }

  /** Asks for the list again; an answer that was under way while something changed does not count. */
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
      this.keys = keys
      if (this.failure) this.#panel.problem.clear()
      this.failure = null
      for (const call of this.#onSignedIn.splice(0)) call()
    } catch (error) {
      this.failure = error
      // A list that is there stays readable; a session that is over takes it away, and says so in its place.
      if (!this.keys && !error.isSignedOut) this.#panel.problem.show(error)
    }
    this.#panel.render()
  }

  /** Whether the key of this id is gone: only a fresh list of this account says so, never a status. */
  async isGone(id) {
    await this.refresh()
    return this.failure === null && !this.find(id)
  }

  /** Makes sure that Latchkey has said whose page this is, and what time it is. */
  async met() {
    if (this.#panel.api.account === null) await this.refresh()
    if (this.#panel.api.account === null) throw this.failure
  }

  /** Keeps nothing of an account whose session is over, which `failure` says. */
  forget(failure) {
    this.keys = null
    this.failure = failure
  }

  /** Calls back once the session is there again. */
  onceSignedIn(call) { this.#onSignedIn.push(call) }

  /** Shows a key as it may soon be. Nothing has changed yet. */
  preview(key) {
    this.keys = this.#with(key)
    this.#panel.render()
  }

  replace(key) {
    this.#become(this.#with(key), 'changed', key.id)
  }

  added(created) {
    this.#become([itemOf(created), ...this.keys ?? []], 'created', created.id)
  }

  rotated(old, created, overlapSeconds) {
    const end = serverNow() + overlapSeconds * 1000
    const expiresAt = new Date(Math.min(end, old.expiresAt ? Date.parse(old.expiresAt) : end)).toISOString()
    const replaced = overlapSeconds > 0 ? [{ ...old, expiresAt, replacedBy: created.id }] : []
    const rest = (this.keys ?? []).flatMap(key => key.id === old.id ? replaced : [key])
    this.#become([itemOf(created), ...rest], 'rotated', old.id)
    // The server has the exact end.
    this.refresh()
  }

  removed(id) {
    this.#become(this.keys?.filter(key => key.id !== id), 'revoked', id)
  }

  #with(key) { return this.keys?.map(other => other.id === key.id ? key : other) ?? null }

  #become(keys, action, id) {
    this.keys = keys ?? null
    this.#panel.render()
    this.#panel.dispatchEvent(new CustomEvent('api-keys-changed', { bubbles: true, composed: true, detail: { action, id } }))
  }
}

/** The item that the list has of a key that was just issued; its text is not in it. */
function itemOf({ id, name, keyPrefix, createdAt, environment, expiresAt }) {
  return { id, name, keyPrefix, lastUsedAt: null, createdAt, environment, enabled: true, expiresAt, replacedBy: null }
}
