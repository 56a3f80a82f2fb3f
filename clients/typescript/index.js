import { answerOf, endpoint, expectCost } from './core.js'

const CHALLENGE = { 'www-authenticate': 'ApiKey realm="api", Bearer realm="api"' }
const BUDGETS = ['ratelimit', 'ratelimit-policy']
const OF_A_REFUSAL = ['www-authenticate', 'retry-after', 'x-api-key-refusal', 'x-error-code', 'x-request-id', ...BUDGETS]

/** What may be sent on as a key: no blank and no comma, by which frameworks join several headers. */
const KEY = /^[\w.~+/=-]{1,512}$/
/** In place of a key where none can be told. */
const NO_KEY = ','
/** What a proxy writes of an address that it does not know. */
const UNKNOWN = 'unknown'

export function latchkey(url, { timeout = 2000, fetch: given, onUnavailable = logged } = {}) {
  const { at, fetch } = endpoint(url, 'api/v1/verify', given)
  return {
    async verify(from, demand = {}) {
      expectCost(demand)
      const key = typeof from === 'string' ? from : presented(from)
      if (key === '') return refusal(401, 'API key required', 'key_required', CHALLENGE)
      if (!KEY.test(key)) return refusal(401, 'Invalid API key', 'invalid_key', CHALLENGE)
      try {
        // A connection that was kept may be closed in the moment it is used. So it is tried twice. Where only the answer was
        // lost, the key is charged twice.
        return judged(await answerOf(fetch, target(at, demand), { headers: sent(from, key, demand) }, timeout, 2), key)
      } catch (error) {
        onUnavailable(error)
        return refusal(503, 'Temporarily unavailable; try again shortly', 'unavailable', { 'retry-after': '1' })
      }
    },
  }
}

function logged({ message, cause }) {
  console.error(`Latchkey could not verify a key: ${message}${cause ? ` (${cause.message || cause.code})` : ''}`)
}

function refusal(status, error, code, headers) {
  return { ok: false, status, error, headers: { 'content-type': 'application/json', 'x-error-code': code, ...headers } }
}

const SCOPE = /^[a-z0-9_.-]+(:[a-z0-9_.-]+)*$/

export function requireScope({ scopes }, requirement) {
  const wanted = requirement.split('|')
  if (!wanted.every(scope => scope.length <= 64 && SCOPE.test(scope))) throw new TypeError(`not a requirement: ${requirement}`)
  const covers = (grant, scope) => (grant.endsWith('*') ? scope.startsWith(grant.slice(0, -1)) : grant === scope)
  if (scopes === null || scopes.some(grant => wanted.some(scope => covers(grant, scope)))) return undefined
  const challenge = `Bearer error="insufficient_scope", scope="${requirement}"`
  return refusal(403, 'Insufficient scope', 'insufficient_scope', { 'www-authenticate': challenge, 'x-api-key-refusal': 'scope' })
}

function target(at, { scope = [], cost }) {
  const query = new URLSearchParams([scope].flat().map(each => ['scope', each]))
  if (cost !== undefined) query.set('cost', cost)
  return [at, query.toString()].filter(Boolean).join('?')
}

/** The address comes after those that the request names, as a proxy adds it. One that is not known is no address: a key of
 *  certain networks is refused then. */
function sent(from, key, { address = UNKNOWN }) {
  const named = typeof from === 'string' ? [] : all(from, 'x-forwarded-for')
  const hops = [...named, address].map(hop => (/^[ -~]+$/.test(hop) ? hop : UNKNOWN))
  return { 'x-api-key': key, 'x-forwarded-for': hops.join(', ') }
}

function judged({ status, headers, body }, key) {
  const pick = names => Object.fromEntries(names.filter(name => headers.has(name)).map(name => [name, headers.get(name)]))
  // A proxy in between has 401, 403 and 429 of its own, which say nothing about the key.
  const isRefusal = status === 401 ? headers.get('www-authenticate')?.startsWith('ApiKey ') : headers.has('x-api-key-refusal')
  if ([401, 403, 429].includes(status) && isRefusal && isText(body?.error)) {
    const sent = { 'content-type': 'application/json', ...pick(OF_A_REFUSAL) }
    return { ok: false, status, error: body.error, headers: sent, ...overBudget(headers) }
  }
  const { keyId, ownerId: owner, name, keyPrefix, environment, expiresAt = null, metadata = {}, scopes = null } = body ?? {}
  if (status !== 200 || ![keyId, owner, name, keyPrefix, environment].every(isText)) {
    throw new Error(`answered ${status}, which is not what Latchkey says of a key`)
  }
  // An answer that was cached or mixed up on its way must not lend its owner to another key.
  if (!key.startsWith(keyPrefix)) throw new Error('the answer is about another key')
  return { ok: true, keyId, owner, name, keyPrefix, environment, expiresAt, metadata, scopes, headers: pick(BUDGETS) }
}

function overBudget(headers) {
  const over = headers.get('x-api-key-refusal')
  if (over === 'rate') return { over, retryAfter: Number(headers.get('retry-after')) || 1 }
  return over === 'credits' ? { over } : {}
}

const isText = value => typeof value === 'string' && value !== ''

/** The key that a request presents, or `''`. The rule is Latchkey's own: it is never one of several. */
function presented(headers) {
  const key = only(headers, 'x-api-key')
  if (key !== '') return key
  const authorization = only(headers, 'authorization')
  const [, scheme, token] = /^([^ \t]*)[ \t]*([^]*)$/.exec(authorization)
  if (scheme.toLowerCase() === 'bearer') return token
  return scheme !== '' && token === '' ? NO_KEY : ''
}

function only(headers, name) {
  const values = all(headers, name)
  return values.length > 1 ? NO_KEY : (values[0] ?? '')
}

/** Of Fetch `Headers`, which join several values by commas, of Node's `rawHeaders`, or of an object. */
function all(headers, name) {
  if (typeof headers.get === 'function') return [headers.get(name) ?? []].flat()
  const pairs = Array.isArray(headers) ? headers.flatMap((value, i) => (i % 2 ? [[headers[i - 1], value]] : [])) : Object.entries(headers)
  return pairs.flatMap(([sent, value]) => (sent.toLowerCase() === name ? (value ?? []) : []))
}
