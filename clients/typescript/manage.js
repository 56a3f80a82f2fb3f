import { answerOf, endpoint } from './core.js'

/** A call that was not done, or, where `status` is 0, of which nobody knows. */
export class ManageError extends Error {
  name = 'ManageError'
  constructor(status, code, message, options) {
    super(message, options)
    this.status = status
    this.code = code
  }
}

export function management(url, token, { timeout = 10_000, fetch: given } = {}) {
  if (!/^lk_admin_[0-9A-Za-z]{38}$/.test(token)) throw new TypeError('the token does not have the form of a management token')
  const { at: base, fetch } = endpoint(url, 'api/v1/admin', given)
  const headers = { authorization: `Bearer ${token}` }

  async function call(method, path, { query = {}, body } = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined)
    const at = given.length ? `${base}/${path}?${new URLSearchParams(given)}` : `${base}/${path}`
    const json = body && { body: JSON.stringify(body), headers: { ...headers, 'content-type': 'application/json' } }
    const answer = await answerOf(fetch, at, { method, headers, ...json }, timeout).catch(cause => {
      throw new ManageError(0, 'unreachable', `Latchkey did not answer: ${cause.message}`, { cause })
    })
    if (answer.status < 300 && answer.body) return answer.body
    const error = answer.body?.error ?? `answered ${answer.status}, which is not what Latchkey says`
    throw new ManageError(answer.status, answer.headers.get('x-error-code') ?? 'unknown', `${error}`.replaceAll(token, '…'))
  }

  return {
    owner(id) {
      const keys = `owners/${segment(id)}/api-keys`
      return {
        create: key => call('POST', keys, { body: key }),
        list: query => call('GET', keys, { query }),
        get: keyId => call('GET', `${keys}/${segment(keyId)}`),
        change: (keyId, body) => call('PATCH', `${keys}/${segment(keyId)}`, { body }),
        rotate: (keyId, body = {}) => call('POST', `${keys}/${segment(keyId)}/rotate`, { body }),
        revoke: async keyId => void (await call('DELETE', `${keys}/${segment(keyId)}`)),
        addCredits: (keyId, add) => call('POST', `${keys}/${segment(keyId)}/credits`, { body: { add } }),
        usage: (keyId, query) => call('GET', `${keys}/${segment(keyId)}/usage`, { query }),
        refusals: keyId => call('GET', `${keys}/${segment(keyId)}/refusals`),
        usageOfAll: query => call('GET', `owners/${segment(id)}/usage`, { query }),
        settings: () => call('GET', `owners/${segment(id)}`),
        set: body => call('PUT', `owners/${segment(id)}`, { body }),
        addSharedCredits: add => call('POST', `owners/${segment(id)}/credits`, { body: { add } }),
      }
    },
    async *search(query = {}) {
      let { after } = query
      do {
        const page = await call('GET', 'api-keys', { query: { ...query, after } })
        yield* page.items
        after = page.next
      } while (after)
    },
    revokeAll: async of => (await call('POST', 'api-keys/revoke', { body: of })).revoked,
    scopes: () => call('GET', 'scopes'),
    auditEvents: query => call('GET', 'audit-events', { query }),
  }
}

function segment(text) {
  // An address with these would be another call's, however they are encoded.
  if (typeof text !== 'string' || ['', '.', '..'].includes(text)) throw new TypeError('must be a text other than "", "." and ".."')
  return encodeURIComponent(text)
}
