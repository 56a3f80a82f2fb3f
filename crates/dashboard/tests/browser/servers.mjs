// @ts-check
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const binary = resolve(process.argv[2] ?? '')

/** @typedef {{ url: string, log: string[], command(...words: string[]): Promise<void>, sql(statements: string): Promise<void>, stop(): Promise<void> }} Server */

/** A Latchkey of its own, on a free port and an empty database. @param {Record<string, string>} settings @returns {Promise<Server>} */
export async function startLatchkey(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-browser-'))
  const env = {
    PATH: process.env.PATH,
    LATCHKEY_LISTEN: '127.0.0.1:0',
    LATCHKEY_DATA_DIR: join(folder, 'data'),
    // All tests sign up from one address, more often than people do.
    LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE: '1000',
    ...settings,
  }
  const child = spawn(binary, [], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  /** @type {string[]} */
  const log = []
  const ended = once(child, 'exit')
  /** @type {string} */
  const url = await new Promise((found, failed) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', line => {
        log.push(line)
        const listening = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)
        if (listening) found(listening[1])
      })
    }
    child.once('error', failed)
    ended.then(() => failed(new Error(`the server did not start:\n${log.join('\n')}`)))
  })
  return {
    url,
    log,
    /** Runs a command of an operator's to its end. */
    async command(...words) {
      const command = spawn(binary, words, { cwd: folder, env, stdio: 'ignore' })
      const [code] = await once(command, 'exit')
      assert.equal(code, 0, words.join(' '))
    },
    /** Runs statements in its database. Needs sqlite3. @param {string} statements */
    async sql(statements) {
      const sqlite = spawn('sqlite3', ['-bail', '-cmd', '.timeout 5000', join(folder, 'data', 'latchkey.db')], { stdio: ['pipe', 'ignore', 'inherit'] })
      sqlite.stdin.end(statements)
      const [code] = await once(sqlite, 'exit')
      assert.equal(code, 0, statements)
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Somebody else's pages, by their paths. `url` is of the server's own site, `foreignUrl` of another. @param {Record<string, string>} pages */
export async function startSite(pages = {}) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(`${request.url}`, 'http://site')
    const type = pathname.endsWith('.css') ? 'text/css' : 'text/html'
    response.writeHead(pathname in pages ? 200 : 204, { 'content-type': `${type}; charset=utf-8` })
    response.end(pages[pathname])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  return {
    url: `http://127.0.0.1:${port}`,
    foreignUrl: `http://localhost:${port}`,
    pages,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** @param {import('node:http').Server} server */
function portOf(server) {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : assert.fail('the server does not listen on a port')
}

/** A free port, for settings that must name one. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const port = portOf(probe)
  probe.close()
  await once(probe, 'close')
  return port
}
