import { text } from './strings.js'

/** An answer that is no success, or none at all (status 0). */
export class ApiError extends Error {
  constructor(message, { status = 0, requestId = null, retryAfter = 0 } = {}) {
    super(message)
    this.status = status
    this.requestId = requestId
    /** Seconds. */
    this.retryAfter = retryAfter
  }

  get isSignedOut() { return this.status === 401 }
  get isGone() { return this.status === 404 }
}

// The server itself gives up after 20 s.
const PATIENCE = 25_000

/** The JSON API at `base`; '' is the page's own origin. */
export class Api {
  constructor(base) {
    this.base = base.replace(/\/+$/, '')
  }

  list() { return this.#call('GET', 'api-keys') }
  create(body) { return this.#call('POST', 'api-keys', body) }
  change(id, body) { return this.#call('PATCH', `api-keys/${id}`, body) }
  rotate(id, overlapSeconds) { return this.#call('POST', `api-keys/${id}/rotate`, { overlapSeconds }) }
  revoke(id) { return this.#call('DELETE', `api-keys/${id}`) }
  events(before) { return this.#call('GET', `audit-events?limit=200${before ? `&before=${before}` : ''}`) }
  signIn(credentials) { return this.#call('POST', 'auth/sign-in', credentials) }
  signUp(credentials) { return this.#call('POST', 'auth/sign-up', credentials) }
  signOut() { return this.#call('POST', 'auth/sign-out') }
  changePassword(passwords) { return this.#call('POST', 'auth/password', passwords) }

  async #call(method, path, body) {
    let response
    let answer
    try {
      response = await fetch(`${this.base}/api/v1/${path}`, {
        method,
        credentials: 'include',
        cache: 'no-store',
        headers: body ? { 'Content-Type': 'application/json' } : {},
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE),
      })
      answer = await response.json()
    } catch (error) {
      if (!response) throw new ApiError(error.name === 'TimeoutError' ? text.noAnswer : text.unreachable)
    }
    if (response.ok && answer !== undefined) return answer
    const requestId = response.headers.get('x-request-id')
    const retryAfter = Number(response.headers.get('retry-after'))
    throw new ApiError(answer?.error ?? text.badAnswer(response.status), { status: response.status, requestId, retryAfter })
  }
}
