import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

export const table = JSON.parse(readFileSync(new URL('../../cases.json', import.meta.url), 'utf8'))

/** A program that says where it listens. */
export async function start(command, args, { ready = /listening on (?:http:\/\/127\.0\.0\.1:)?(\d+)/, ...options }) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const log = []
  const ended = once(child, 'exit')
  const port = await new Promise((found, failed) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', line => {
        log.push(line)
        const match = ready.exec(line)
        if (match) found(Number(match[1]))
      })
    }
    child.once('error', failed)
    ended.then(() => failed(new Error(`${command} did not start:\n${log.join('\n')}`)))
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  return { port, log, stop }
}

/** A Latchkey of its own, on an empty database. */
export async function startLatchkey(binary) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'))
  const socket = `unix:${join(folder, 'socket')}`
  const env = { PATH: process.env.PATH, LATCHKEY_LISTEN: `127.0.0.1:0,${socket}`, LATCHKEY_DATA_DIR: join(folder, 'data') }
  const server = await start(binary, [], { cwd: folder, env })
  const stop = async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { ...server, url: `http://127.0.0.1:${server.port}`, socket, env, folder, stop }
}

/** The keys of the table, by their names. */
export async function makeKeys(url) {
  let cookie
  const call = async (method, path, body) => {
    const headers = { 'content-type': 'application/json', ...(cookie && { cookie }) }
    const response = await fetch(`${url}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    cookie ??= response.headers.get('set-cookie').split(';')[0]
    return response.json()
  }
  const { id: ownerId } = await call('POST', 'auth/sign-up', { email: 'ada@example.com', password: 'correct horse battery staple' })
  const keys = {}
  for (const [word, { then, ...members }] of Object.entries(table.keys)) {
    const expiresAt = then === 'expire' ? new Date(Date.now() + 1000).toISOString() : null
    const { id, key, keyPrefix } = await call('POST', 'api-keys', { ...members, expiresAt })
    keys[word] = { text: key, keyId: id, ownerId, keyPrefix, ...members }
    if (then === 'disable') await call('PATCH', `api-keys/${id}`, { enabled: false })
    if (then === 'revoke') await call('DELETE', `api-keys/${id}`)
    if (then === 'use') await fetch(`${url}/api/v1/verify`, { headers: { 'x-api-key': key } })
  }
  await pause(1100)
  const extra = async () => {
    const { id, key: text } = await call('POST', 'api-keys', { name: 'One more' })
    return { id, text, revoke: () => call('DELETE', `api-keys/${id}`), change: body => call('PATCH', `api-keys/${id}`, body) }
  }
  return Object.defineProperty(keys, 'extra', { value: extra })
}

/** The text of a table with what stands for its names. */
export function filled(text, keys, latchkey) {
  return text.replace(/\{([a-z]+)(?:\.([a-zA-Z]+))?\}/g, (_, word, member = 'text') => {
    if (word === 'long') return 'a'.repeat(3000)
    return word === 'latchkey' ? latchkey : keys[word][member]
  })
}

/** Somebody else in the place of Latchkey, who says `script`. */
export async function startUpstream(script) {
  const server = createServer(async socket => {
    socket.on('error', () => {}) // the client hung up
    let head = ''
    for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
      head += bytes.toString('latin1')
      if (head.includes('\r\n\r\n')) break
    }
    for (const step of script) {
      if (typeof step === 'number') await pause(step, undefined, { ref: false })
      else socket.write(step, 'latin1')
    }
    socket.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  return `http://127.0.0.1:${server.address().port}`
}

/** A port at which nobody listens. */
export async function away() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return `http://127.0.0.1:${port}`
}

/** What `port` answers to a GET with these headers, as they are. */
export async function get(port, path, headers) {
  const socket = connect(port, '127.0.0.1')
  const lines = [`GET ${path} HTTP/1.1`, `host: 127.0.0.1:${port}`, 'connection: close', ...headers.map(pair => pair.join(': '))]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const chunks = []
  for await (const bytes of socket) chunks.push(bytes)
  const text = Buffer.concat(chunks).toString('latin1')
  const [head, ...rest] = text.split('\r\n\r\n')
  const [line, ...fields] = head.split('\r\n')
  const got = {}
  for (const field of fields) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(field)
    got[name.toLowerCase()] = name.toLowerCase() in got ? `${got[name.toLowerCase()]}, ${value}` : value
  }
  let body = rest.join('\r\n\r\n')
  if (got['transfer-encoding'] === 'chunked') body = body.replace(/[0-9a-f]+\r\n([^]*?)\r\n/g, '$1')
  return { status: Number(line.split(' ')[1]), headers: got, body, text }
}
