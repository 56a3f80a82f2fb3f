import { ApiError, judge, wanted } from './answer.js'
import { hearServerTime } from './clock.js'
import { text } from './strings.js'

// The server itself gives up after 20 s.
const PATIENCE = 25_000
const EVENTS_AT_MOST = 200

/**
 * The JSON API at `base`; '' is the page's own origin.
 *
 * It acts for one account, the one that the page was made for, or else the first that is answered for. Tabs
 * share their cookie, so another may be signed in by now: then Latchkey refuses what would change
 * something, and nothing that is answered is handed out.
 */
export class Api {
  /** Called when an answer tells that another account is signed in, and when one tells that nobody is. */
  onOtherAccount = () => {}
  onSignedOut = () => {}

  constructor(base, account = null) {
    this.base = base.replace(/\/+$/, '')
    this.account = account
  }

  list() { return this.#call('GET', 'api-keys', wanted.items) }
  create(body) { return this.#call('POST', 'api-keys', wanted.issued, body) }
  change(id, body) { return this.#call('PATCH', `api-keys/${id}`, wanted.item(id), body) }
  rotate(id, overlapSeconds) { return this.#call('POST', `api-keys/${id}/rotate`, wanted.replacementOf(id), { overlapSeconds }) }
  revoke(id) { return this.#call('DELETE', `api-keys/${id}`, wanted.success) }
  #events({ before, key }) {
    const query = new URLSearchParams({ limit: EVENTS_AT_MOST, ...(before && { before }), ...(key && { keyId: key }) })
    return this.#call('GET', `audit-events?${query}`, wanted.events)
  }
  /** All events, or those of a key, newest first; `soFar` is told how many are there. */
  async allEvents({ key, soFar = () => {} }) {
    const events = []
    for (let page; !page || page.length === EVENTS_AT_MOST;) {
      page = await this.#events({ key, before: events.at(-1)?.id })
      events.push(...page)
      soFar(events.length)
    }
    return events
  }

  session() { return this.#call('GET', 'auth/session', wanted.account) }
  signOut() { return this.#call('POST', 'auth/sign-out', wanted.success) }
  changePassword(passwords) { return this.#call('POST', 'auth/password', wanted.success, passwords) }

  signIn(credentials) { return this.#call('POST', 'auth/sign-in', wanted.signedIn, credentials) }
  signUp(credentials) { return this.#call('POST', 'auth/sign-up', wanted.signedUp, credentials) }

  async #call(method, path, wanted, body) {
    const { response, answer, arrived } = await this.#send(method, path, body)
    const { headers } = response
    if (headers.has('x-latchkey-time')) hearServerTime(headers.get('x-latchkey-time'), arrived)
    try {
      const done = judge({ response, body: answer, wanted, account: this.account })
      this.account ??= headers.get('x-latchkey-account')
      return done
    } catch (error) {
      if (error.isOtherAccount) this.onOtherAccount()
      if (error.isSignedOut) this.onSignedOut(error)
      throw error
    }
  }

  async #send(method, path, body) {
    try {
      const response = await fetch(`${this.base}/api/v1/${path}`, {
        method,
        credentials: 'include',
        cache: 'no-store',
        // Latchkey never sends a call elsewhere.
        redirect: 'manual',
        headers: this.#headers(method, body),
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE),
      })
      const arrived = performance.now()
      return { response, answer: jsonIn(await response.text()), arrived }
    } catch (error) {
      throw new ApiError(error.name === 'TimeoutError' ? text.noAnswer : text.unreachable)
    }
  }

  /** Reads go without the account: their answers name it, and a page elsewhere need not ask beforehand. */
  #headers(method, body) {
    return {
      ...(body && { 'Content-Type': 'application/json' }),
      ...(this.account && method !== 'GET' && { 'X-Latchkey-Account': this.account }),
    }
  }
}

function jsonIn(content) {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}
