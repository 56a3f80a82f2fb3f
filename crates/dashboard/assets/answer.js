import { text } from './strings.js'

/** Why a call was not answered as wanted. `status` is that of Latchkey's own answer to this account, 0 where there was none. */
export class ApiError extends Error {
  constructor(message, { status = 0, requestId = null, retryAfter = 0, isForeign = false, isOtherAccount = false } = {}) {
    super(message)
    this.status = status
    this.requestId = requestId
    /** Seconds. */
    this.retryAfter = retryAfter
    /** Somebody else answered: a proxy, a network that wants a sign-in, whatever has the address now. */
    this.isForeign = isForeign
    /** The session is of another account than the page. */
    this.isOtherAccount = isOtherAccount
  }

  get isSignedOut() { return this.status === 401 }
  /** Latchkey has no such key for this account. */
  get isGone() { return this.status === 404 }
  /** What was asked for may have been done all the same. */
  get isUncertain() { return (this.status === 0 && !this.isOtherAccount) || this.status >= 500 }
}

/**
 * The body of `response`, where it is Latchkey's answer that what was asked for is done; otherwise throws an
 * `ApiError`. This is the one place that says so. A status alone proves nothing: anybody between may
 * have made it. Latchkey's answers hold the time, name the account of the session, are JSON, and have the form
 * that the call is documented with: `wanted` has its `status` and `fits`, which looks at the body.
 */
export function judge({ response, body, wanted, account }) {
  const { status, headers } = response
  const isOurs = headers.has('x-latchkey-time') && /^application\/json(;|$)/.test(headers.get('content-type') ?? '')
  const holder = headers.get('x-latchkey-account')
  const isDone = status === wanted.status && wanted.fits(body) && (wanted.isAnonymous || holder !== null)
  if (!isOurs || !(isDone || isError(status, body))) throw new ApiError(text.foreign(status), { isForeign: true })
  const requestId = headers.get('x-request-id')
  if (account && holder && holder !== account) throw new ApiError(text.otherAccount(null), { requestId, isOtherAccount: true })
  if (isDone) return body
  throw new ApiError(body.error, { status, requestId, retryAfter: Number(headers.get('retry-after')) })
}

const isError = (status, body) => status >= 400 && typeof body?.error === 'string'

const has = (...members) => body => members.every(member => typeof body?.[member] === 'string')
const isItem = body => has('id', 'name', 'keyPrefix', 'createdAt', 'environment')(body) && typeof body.enabled === 'boolean'
const isEvent = has('id', 'at', 'action')
const isIssued = has('id', 'name', 'key', 'keyPrefix', 'createdAt', 'environment')
const isAccount = has('id', 'email', 'createdAt')

/** What a call is answered with when it is done. */
export const wanted = {
  success: { status: 200, fits: body => body?.success === true },
  account: { status: 200, fits: isAccount },
  signedIn: { status: 200, fits: isAccount, isAnonymous: true },
  signedUp: { status: 201, fits: isAccount, isAnonymous: true },
  items: { status: 200, fits: body => Array.isArray(body) && body.every(isItem) },
  events: { status: 200, fits: body => Array.isArray(body) && body.every(isEvent) },
  issued: { status: 201, fits: isIssued },
  item: id => ({ status: 200, fits: body => isItem(body) && body.id === id }),
  replacementOf: id => ({ status: 201, fits: body => isIssued(body) && body.replaces === id }),
}
