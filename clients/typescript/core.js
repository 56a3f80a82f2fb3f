import { bySocket } from './unix.js'

/** The address of `path` below that of a Latchkey, which may have a path of its own, and what fetches from there. */
export function endpoint(url, path, fetch) {
  const [, socket] = /^unix:(\/.+)$/.exec(url) ?? []
  if (!socket) return { at: below(url, path), fetch: fetch ?? globalThis.fetch }
  if (fetch) throw new TypeError('fetch reaches no Unix socket: leave that option out')
  return { at: below('http://localhost', path), fetch: bySocket(socket) }
}

function below(url, path) {
  const { protocol, username, password, origin, pathname, search, hash } = new URL(url)
  if (!/^https?:$/.test(protocol) || username || password || search || hash) {
    throw new TypeError('must be like http://host:port, without user, query or fragment, or like unix:/absolute/path')
  }
  return `${origin}${pathname.replace(/\/$/, '')}/${path}`
}

// Next.js may keep the answers of GET unless told not to; some runtimes refuse the member that they do not know.
const UNCACHED = 'cache' in Request.prototype ? { cache: 'no-store' } : {}

/** The whole answer, or an error after `timeout` ms, in which connecting, the body and all `tries` must fit. */
export async function answerOf(fetch, target, init, timeout, tries = 1) {
  const control = new AbortController()
  const timer = setTimeout(() => control.abort(new Error(`no answer within ${timeout} ms`)), timeout)
  // A redirect would carry the credential to another host.
  const send = () => fetch(target, { redirect: 'manual', signal: control.signal, ...UNCACHED, ...init })
  try {
    const response = await send().catch(error => (tries > 1 && !control.signal.aborted ? send() : Promise.reject(error)))
    return { status: response.status, headers: response.headers, body: json(await response.text()) }
  } finally {
    clearTimeout(timer)
  }
}

/** Undefined where `text` is not JSON: the parser's own error repeats the text. */
function json(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a middleware asks for of a request: the same for each, or what a function makes of the request. */
export function demandOf(demand) {
  if (typeof demand === 'function') return demand
  expectCost(demand) // where the service is set up, and not with its first request
  return () => demand
}

export function expectCost({ cost = 1 } = {}) {
  if (!Number.isInteger(cost) || cost < 0 || cost > 1_000_000) {
    throw new RangeError(`a cost must be a whole number from 0 to 1000000, not ${typeof cost === 'number' ? cost : `a ${typeof cost}`}`)
  }
}
