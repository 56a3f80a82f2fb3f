import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const binary = resolve(process.argv[2] ?? '')

/** A Latchkey of its own, on a free port and an empty database. */
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
  const log = []
  const ended = once(child, 'exit')
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
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Somebody else's pages, by their paths. `url` is of the server's own site, `foreignUrl` of another. */
export async function startSite(pages = {}) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://site')
    const type = pathname.endsWith('.css') ? 'text/css' : 'text/html'
    response.writeHead(pathname in pages ? 200 : 204, { 'content-type': `${type}; charset=utf-8` })
    response.end(pages[pathname])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
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

/** A port that nobody has, for settings that must name it. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}
