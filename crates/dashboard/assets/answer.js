// @ts-check
import { fill, text } from './strings.js'

/** Why a call failed. `status` is that of Latchkey's answer to this account, 0 where there is none. */
export class ApiError extends Error {
  /** What was thrown, in this form. @param {unknown} thrown */
  static of(thrown) {
    return thrown instanceof ApiError ? thrown : new ApiError(thrown instanceof Error ? thrown.message : String(thrown))
  }

  /** @param {string} message @param {About} about */
  constructor(message, { status = 0, code = null, requestId = null, retryAfter = 0, isForeign = false, isOtherAccount = false } = {}) {
    super(message)
    this.status = status
    /** Of Latchkey's answer, as `X-Error-Code` says. */
    this.code = code
    this.requestId = requestId
    /** Seconds. */
    this.retryAfter = retryAfter
    /** Somebody else answered: a proxy, or a network that wants a sign-in. */
    this.isForeign = isForeign
    /** The session belongs to another account than the page. */
    this.isOtherAccount = isOtherAccount
  }

  get isSignedOut() { return this.status === 401 }
  /** Latchkey has no such key for this account. */
  get isGone() { return this.status === 404 }
  /** The change may have been made all the same. */
  get isUncertain() { return (this.status === 0 && !this.isOtherAccount) || this.status >= 500 }
}

/**
 * The body of `response` if Latchkey says that the call is done; else throws an `ApiError`. A status alone proves
 * nothing, since a proxy may have made it: Latchkey's answers are JSON, hold the time, name the account of the session,
 * and have the status and the body that `wanted` describes.
 * @template T @param {Answered<T>} call
 */
export function judge({ response, body, wanted, account }) {
  const { status, headers } = response
  const isOurs = headers.has('x-latchkey-time') && /^application\/json(;|$)/.test(headers.get('content-type') ?? '')
  const holder = headers.get('x-latchkey-account')
  const isDone = status === wanted.status && wanted.fits(body) && (wanted.isAnonymous || holder !== null)
  if (!isOurs || !(isDone || isError(status, body))) throw new ApiError(status ? fill(text.foreignStatus, { status }) : text.foreign, { isForeign: true })
  const requestId = headers.get('x-request-id')
  if (account && holder && holder !== account) throw new ApiError(text.otherAccount, { requestId, isOtherAccount: true })
  if (isDone) return /** @type {T} */ (body)
  const code = headers.get('x-error-code')
  throw new ApiError(inWords(`${body?.error}`, code), { status, code, requestId, retryAfter: Number(headers.get('retry-after')) })
}

/** An error by its code; the server's own words say more than some codes do. @param {string} message @param {string?} code */
function inWords(message, code) {
  const words = /** @type {Words} */ (text.errors)[`${code}`] ?? '{message}'
  return fill(words, { message })
}

/** @type {(status: number, body: Json) => boolean} */
const isError = (status, body) => status >= 400 && typeof body?.error === 'string'

/** @type {(...members: string[]) => Fits} */
const has = (...members) => body => members.every(member => typeof body?.[member] === 'string')
/** @type {Fits} */
const isItem = body => has('id', 'name', 'keyPrefix', 'createdAt', 'environment')(body) && typeof body?.enabled === 'boolean'
const isEvent = has('id', 'at', 'action')
/** @type {Fits} */
const isScope = body => has('name', 'description')(body) && typeof body?.restricted === 'boolean'
const isIssued = has('id', 'name', 'key', 'keyPrefix', 'createdAt', 'environment')
const isAccount = has('id', 'email', 'createdAt')
/** Of a session of another system nothing else is sure. */
const isSession = has('id')

/** The answers to calls that are done. @type {AllWanted} */
export const wanted = {
  success: { status: 200, fits: body => body?.success === true },
  session: { status: 200, fits: isSession },
  account: { status: 200, fits: isAccount },
  ended: { status: 200, fits: body => typeof body?.ended === 'number' },
  signedIn: { status: 200, fits: isAccount, isAnonymous: true },
  signedUp: { status: 201, fits: isAccount, isAnonymous: true },
  items: { status: 200, fits: body => Array.isArray(body) && body.every(isItem) },
  scopes: { status: 200, fits: body => Array.isArray(body) && body.every(isScope), isQuiet: true },
  usage: { status: 200, fits: body => Array.isArray(body?.items) },
  refusals: { status: 200, fits: body => Array.isArray(body) && body.every(has('at', 'reason')) },
  events: { status: 200, fits: body => Array.isArray(body) && body.every(isEvent) },
  issued: { status: 201, fits: isIssued },
  item: id => ({ status: 200, fits: body => isItem(body) && body?.id === id }),
  replacementOf: id => ({ status: 201, fits: body => isIssued(body) && body?.replaces === id }),
}
