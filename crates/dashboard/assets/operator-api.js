// @ts-check
import { api } from './account.js'
import { ApiError, wanted } from './answer.js'
import { Api } from './api.js'

const EVENTS_AT_MOST = 200
/** @type {Wanted<{ revoked: string[] }>} */
const revoked = { status: 200, fits: body => Array.isArray(body?.revoked) }
/** @type {Wanted<IssuedToken>} */
const issuedToken = { status: 201, fits: body => typeof body?.token === 'string' && typeof body.id === 'string' }

const calls = new Api('', api.account)
calls.prefix = '/operator/api/'
calls.onOtherAccount = () => api.onOtherAccount()

/** @type {(method: string, path: string, body?: object | string) => Promise<Success>} */
const doIt = (method, path, body) => call(method, path, wanted.success, body)

/**
 * To somebody who is no operator any more, or not signed in, nothing is there: then the session is asked for, so that the
 * page says so.
 * @template T @param {string} method @param {string} path @param {Wanted<T>} wants @param {object | string} [body]
 */
async function call(method, path, wants, body) {
  try {
    return await calls.call(method, path, wants, body)
  } catch (thrown) {
    const error = ApiError.of(thrown)
    if (error.code === 'not_found') await api.session().catch(() => null)
    throw error
  }
}

/** @param {OfOwner} key */
const keyPath = ({ owner, id }) => `${ownerPath(owner)}/api-keys/${id}`
/** @param {string} owner @returns {Wanted<object>} */
const isOwner = owner => ({ status: 200, fits: answer => answer?.owner === owner })
const ownerPath = (/** @type {string} */ owner) => `owners/${encodeURIComponent(owner)}`

/** The calls of the pages of operators. */
export const operator = {
  /** @param {OfOwner} key */
  revokeKey: key => doIt('DELETE', keyPath(key)),
  /** `body` may be JSON that stays as it was typed. @param {OfOwner} key @param {object | string} body */
  changeKey: (key, body) => call('PATCH', keyPath(key), wanted.item(key.id), body),
  /** @param {{ owner?: string, createdBy?: string }} whose @returns {Promise<{ revoked: string[] }>} */
  revokeAll: whose => call('POST', 'api-keys/revoke', revoked, whose),
  /** @param {OfOwner} key @param {CreditsChange} body */
  addCredits: (key, body) => call('POST', `${keyPath(key)}/credits`, wanted.item(key.id), body),
  /** @param {OfOwner} key @param {string} query */
  usage: (key, query) => call('GET', `${keyPath(key)}/usage?${query}`, wanted.usage),
  /** @param {OfOwner} key */
  refusals: key => call('GET', `${keyPath(key)}/refusals`, wanted.refusals),
  /** @param {string} owner @param {string} query */
  usageOfOwner: (owner, query) => call('GET', `${ownerPath(owner)}/usage?${query}`, wanted.usage),
  /** @param {string} owner @param {OwnerSettings} body */
  changeOwner: (owner, body) => call('PUT', ownerPath(owner), isOwner(owner), body),
  /** @param {string} owner @param {CreditsChange} body */
  addCreditsOfOwner: (owner, body) => call('POST', `${ownerPath(owner)}/credits`, isOwner(owner), body),
  disableAccount: (/** @type {string} */ id) => doIt('POST', `accounts/${id}/disable`),
  enableAccount: (/** @type {string} */ id) => doIt('POST', `accounts/${id}/enable`),
  deleteAccount: (/** @type {string} */ id) => doIt('DELETE', `accounts/${id}`),
  /** @param {NewToken} body @returns {Promise<IssuedToken>} */
  createToken: body => call('POST', 'tokens', issuedToken, body),
  revokeToken: (/** @type {string} */ id) => doIt('DELETE', `tokens/${id}`),
  /** @returns {Promise<Instances>} */
  instances: () => call('GET', 'instances', { status: 200, fits: body => Array.isArray(body?.instances) }),
  /** All events that are looked for, the newest first. @param {{ owner?: string, keyId?: string, action?: string }} which @param {(number: number) => void} soFar */
  async events(which, soFar) {
    /** @type {OwnedEvent[]} */
    const events = []
    let page
    do {
      const query = new URLSearchParams({ limit: `${EVENTS_AT_MOST}`, ...which, ...(events.length > 0 && { before: `${events.at(-1)?.id}` }) })
      page = /** @type {OwnedEvent[]} */ (await call('GET', `audit-events?${query}`, wanted.events))
      events.push(...page)
      soFar(events.length)
    } while (page.length === EVENTS_AT_MOST)
    return events
  },
}
