// @ts-check
import { ApiError, judge, wanted } from './answer.js'
import { hearServerTime } from './clock.js'
import { text } from './strings.js'

// The server itself gives up after 20 s.
const PATIENCE = 25_000
const EVENTS_AT_MOST = 200

/**
 * The JSON API at `base`; '' is the page's own origin.
 *
 * It speaks for one account: that of the page, or else the first that Latchkey names. Tabs share their cookie, so
 * another account may be signed in meanwhile: then Latchkey refuses changes, and `judge` every answer.
 */
export class Api {
  /** Called when an answer says that another account is signed in, or that nobody is. */
  onOtherAccount = () => {}
  /** @type {(error: ApiError) => void} */
  onSignedOut = () => {}
  /** Called at every failure of a call. @type {(error: ApiError) => void} */
  onFailed = () => {}

  /** Where the calls are below `base`. */
  prefix = '/api/v1/'

  /** @param {string} base @param {string?} account @param {Prove?} prove */
  constructor(base, account = null, prove = null) {
    this.base = base.replace(/\/+$/, '')
    this.account = account
    /** Gets a token that goes with each call, and no cookie with it. */
    this.prove = prove
  }

  list() { return this.#call('GET', 'api-keys?include=usage', wanted.items) }
  /** @param {string} id */
  key(id) { return this.#call('GET', `api-keys/${id}`, { ...wanted.item(id), isQuiet: true }) }
  /** @param {string} id @param {string} query */
  usage(id, query) { return this.#call('GET', `api-keys/${id}/usage?${query}`, wanted.usage) }
  /** @param {string} id */
  refusals(id) { return this.#call('GET', `api-keys/${id}/refusals`, wanted.refusals) }
  scopes() { return this.#call('GET', 'scopes', wanted.scopes) }
  /** @param {KeyRequest} body */
  create(body) { return this.#call('POST', 'api-keys', wanted.issued, body) }
  /** @param {string} id @param {KeyChange} body */
  change(id, body) { return this.#call('PATCH', `api-keys/${id}`, wanted.item(id), body) }
  /** @param {string} id @param {CreditsChange} body */
  addCredits(id, body) { return this.#call('POST', `api-keys/${id}/credits`, wanted.item(id), body) }
  /** @param {string} id @param {number} overlapSeconds */
  rotate(id, overlapSeconds) { return this.#call('POST', `api-keys/${id}/rotate`, wanted.replacementOf(id), { overlapSeconds }) }
  /** @param {string} id */
  revoke(id) { return this.#call('DELETE', `api-keys/${id}`, wanted.success) }
  /** @param {EventsOf} which */
  #events({ before, key }) {
    const query = new URLSearchParams({ limit: `${EVENTS_AT_MOST}`, ...(before && { before }), ...(key && { keyId: key }) })
    return this.#call('GET', `audit-events?${query}`, wanted.events)
  }
  /** All events, or those of a key, newest first; `soFar` gets their number after each page. @param {EventsOf} which */
  async allEvents({ key, soFar = () => {} }) {
    /** @type {AuditEvent[]} */
    const events = []
    let page
    do {
      page = await this.#events({ key, before: events.at(-1)?.id })
      events.push(...page)
      soFar(events.length)
    } while (page.length === EVENTS_AT_MOST)
    return events
  }

  /** The reports of leaked keys among the latest events, newest first. */
  async leaked() { return (await this.#events({})).filter(event => event.action === 'key.leaked') }

  session() { return this.#call('GET', 'auth/session', wanted.session) }
  signOut() { return this.#call('POST', 'auth/sign-out', wanted.success) }
  /** @param {PasswordChange} passwords */
  changePassword(passwords) { return this.#call('POST', 'auth/password', wanted.success, passwords) }

  /** @param {EmailChange} change */
  changeEmail(change) { return this.#call('POST', 'auth/email', wanted.account, change) }
  /** @param {string} id */
  endSession(id) { return this.#call('DELETE', `auth/sessions/${id}`, wanted.success) }
  endOtherSessions() { return this.#call('POST', 'auth/sessions/end-others', wanted.ended) }
  /** @param {Proof} proof */
  confirm(proof) { return this.#call('POST', 'auth/confirm', wanted.success, proof) }
  /** @param {Proof} proof */
  deleteAccount(proof) { return this.#call('DELETE', 'auth/account', wanted.success, proof) }

  /** @param {Credentials} credentials */
  signIn(credentials) { return this.#call('POST', 'auth/sign-in', wanted.signedIn, credentials) }
  /** @param {Credentials} credentials */
  signUp(credentials) { return this.#call('POST', 'auth/sign-up', wanted.signedUp, credentials) }

  /** Any call; a body that is a text is JSON already. @template T @param {string} method @param {string} path @param {Wanted<T>} wanted @param {object | string} [body] */
  call(method, path, wanted, body) { return this.#call(method, path, wanted, body) }

  /** @template T @param {string} method @param {string} path @param {Wanted<T>} wanted @param {object | string} [body] */
  async #call(method, path, wanted, body) {
    try {
      let sent = await this.#send(method, path, body)
      if (this.prove && sent.response.status === 401) sent = await this.#send(method, path, body, true)
      const { response, answer, arrived } = sent
      const { headers } = response
      const time = headers.get('x-latchkey-time')
      if (time !== null) hearServerTime(time, arrived)
      const done = judge({ response, body: answer, wanted, account: this.account })
      this.account ??= headers.get('x-latchkey-account')
      return done
    } catch (thrown) {
      const error = ApiError.of(thrown)
      if (error.isOtherAccount) this.onOtherAccount()
      if (error.isSignedOut) this.onSignedOut(error)
      if (!wanted.isQuiet) this.onFailed(error)
      throw error
    }
  }

  /** @param {string} method @param {string} path @param {object | string} [body] */
  async #send(method, path, body, isAnew = false) {
    const token = await this.prove?.(isAnew)
    try {
      const response = await fetch(this.base + this.prefix + path, {
        method,
        credentials: token ? 'omit' : 'include',
        cache: 'no-store',
        // Latchkey never redirects a call.
        redirect: 'manual',
        headers: { ...this.#headers(method, body), ...(token && { Authorization: `Bearer ${token}` }) },
        body: typeof body === 'object' ? JSON.stringify(body) : body,
        signal: AbortSignal.timeout(PATIENCE),
      })
      const arrived = performance.now()
      return { response, answer: jsonIn(await response.text()), arrived }
    } catch (error) {
      throw new ApiError(error instanceof Error && error.name === 'TimeoutError' ? text.noAnswer : text.unreachable)
    }
  }

  /** Reads don't name the account, so that other origins need no preflight. @param {string} method @param {object | string} [body] @returns {Fields} */
  #headers(method, body) {
    return {
      ...(body && { 'Content-Type': 'application/json' }),
      ...(this.account && method !== 'GET' && { 'X-Latchkey-Account': this.account }),
    }
  }
}

/** @param {string} content @returns {Json} */
function jsonIn(content) {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}
