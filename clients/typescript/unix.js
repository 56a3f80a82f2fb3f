// Not told to bundlers: where there is no such module, there are no Unix sockets either.
const HTTP = 'node:http'
/** Shorter than Latchkey keeps its own, so that it rarely closes one in use. */
const KEEP_IDLE = 30_000

/** The part of `fetch` that is used here, by the file of a Unix socket, on connections that are kept. */
export function bySocket(socketPath) {
  let http
  return async (target, { method = 'GET', headers, body, signal }) => {
    http ??= load()
    const { request, agent } = await http
    const { pathname, search, host } = new URL(target)
    const length = body === undefined ? {} : { 'content-length': new TextEncoder().encode(body).length }
    return new Promise((answered, failed) => {
      const options = { socketPath, agent, method, path: pathname + search, headers: { host, ...headers, ...length }, signal }
      // The reason of an abort says more than the error that it makes.
      const fail = error => failed(signal?.aborted ? signal.reason : error)
      const sending = request(options, async response => {
        try {
          const chunks = []
          for await (const bytes of response) chunks.push(bytes)
          const text = new TextDecoder().decode(joined(chunks))
          answered({ status: response.statusCode, headers: pairs(response.rawHeaders), text: async () => text })
        } catch (error) {
          fail(error)
        }
      })
      sending.on('error', fail).end(body)
    })
  }
}

async function load() {
  const { Agent, request } = await import(/* webpackIgnore: true */ /* @vite-ignore */ HTTP)
  return { request, agent: new Agent({ keepAlive: true, timeout: KEEP_IDLE }) }
}

function joined(chunks) {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const bytes of chunks) {
    whole.set(bytes, at)
    at += bytes.length
  }
  return whole
}

function pairs(raw) {
  const headers = new Headers()
  for (let i = 0; i < raw.length; i += 2) headers.append(raw[i], raw[i + 1])
  return headers
}
