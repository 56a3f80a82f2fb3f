// What the recipes of docs/identity-providers.md are run with: the document's settings, a provider, a browser, a server.
import { spawn } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Provider } from 'oidc-provider'

const DOCUMENT = new URL('../../docs/identity-providers.md', import.meta.url)
const PASSWORD = 'correct horse battery staple'
// The provider advises against keys, accounts and forms that are made for a test.
console.warn = () => {}

export const PRODUCT = { id: 'product', secret: 'the-secret-of-the-product', redirect: 'http://127.0.0.1:9/callback' }

/** The block of this language that comes first in a section of the document. */
export function blockOf(section, language) {
  const text = readFileSync(DOCUMENT, 'utf8').split(/^## /m).find(part => part.startsWith(`${section}\n`))
  const found = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(text ?? '')
  return found?.[1].trim() ?? fail(`no ${language} in the section ${section}`)
}

/** The settings that a section shows, and the claim that it names beside the owner's: `# or org_id`. */
export function recipe(section) {
  const settings = {}
  let teams
  for (const line of blockOf(section, 'sh').split('\n')) {
    const [, name, value, comment] = /^(LATCHKEY_\w+)=(\S+)(?: +# (.*))?$/.exec(line) ?? fail(`no setting: ${line}`)
    settings[name] = value
    if (name === 'LATCHKEY_JWT_OWNER_CLAIM') teams = /^or ([\w.]+)/.exec(comment ?? '')?.[1]
  }
  return { settings, teams }
}

export function fail(why) {
  throw new Error(why)
}

export function expect(what, found, wanted) {
  if (found !== wanted) fail(`${what}: ${found}, wanted ${wanted}`)
}

/** Answers at a port of its own, by whichever handler it has now. */
export class Listener {
  static async start() {
    const listener = new Listener()
    listener.server = createServer((req, res) => listener.handler(req, res))
    await new Promise(resolve => listener.server.listen(0, '127.0.0.1', resolve))
    listener.port = listener.server.address().port
    return listener
  }

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }
}

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' }
}

/**
 * Answers for the issuer, by a new key. `resources` are what access tokens may be asked for: by name their claims, as far
 * as these are not the provider's own, and `lasts`, their lifetime in seconds.
 */
export function publish(listener, { issuer, jwks, client, resources }) {
  const { pathname } = new URL(issuer)
  const mount = pathname.replace(/\/$/, '')
  const provider = new Provider(issuer, {
    clients: [{
      client_id: client.id, client_secret: client.secret, redirect_uris: [client.redirect],
      grant_types: ['authorization_code', 'client_credentials'], response_types: ['code'],
    }],
    jwks: { keys: [newKey()] },
    cookies: { keys: [randomUUID()] },
    routes: { jwks },
    scopes: ['openid', 'email', 'profile'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: 'ada@example.com', email_verified: true }),
    }),
    ttl: { AccessToken: 300, IdToken: 300, ClientCredentials: 300, Interaction: 300, Session: 300, Grant: 300 },
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: '', audience: 'nobody', accessTokenFormat: 'jwt' }),
      },
    },
    formats: {
      customizers: {
        jwt: (_, token, { payload }) => {
          const change = resources[token.resourceServer.identifier()]
          for (const [name, value] of Object.entries(change)) {
            if (name === 'lasts') payload.exp = payload.iat + value
            else payload[name] = value
          }
        },
      },
    },
  })
  provider.on('server_error', (_, error) => console.error(error))
  const answer = provider.callback()
  listener.handler = (req, res) => {
    req.originalUrl = req.url
    req.url = req.url.slice(mount.length)
    return answer(req, res)
  }
}

/** Follows redirects, keeps cookies, and fills in the forms of the provider. */
export class Browser {
  cookies = new Map()

  async send(url, options = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', ...options, headers: { ...options.headers, cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return answer
  }

  /** The first answer that is neither a redirect nor a form to sign in by, or the redirect that leads to `end`. */
  async open(url, user, end) {
    let [next, options] = [url, {}]
    for (let step = 0; step < 20; step += 1) {
      const answer = await this.send(next, options)
      const to = answer.headers.get('location')
      const page = answer.status === 200 ? await answer.clone().text() : ''
      const form = /<form[^>]* action="([^"]+)"/.exec(page)?.[1].replaceAll('&amp;', '&')
      if (form) {
        const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? ''
        const body = new URLSearchParams({ prompt, login: user, username: user, password: PASSWORD })
        ;[next, options] = [new URL(form, next).href, { method: 'POST', body }]
      } else if (to && [302, 303].includes(answer.status)) {
        ;[next, options] = [new URL(to, next).href, {}]
        if (end && next.startsWith(end)) return next
      } else {
        return answer
      }
    }
    return fail(`${url} leads nowhere`)
  }
}

async function ask(url, client, form) {
  const authorization = `Basic ${btoa(`${client.id}:${client.secret}`)}`
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(form), headers: { authorization } })
  const body = await answer.json()
  return answer.ok ? body : fail(`${url}: ${JSON.stringify(body)}`)
}

async function discovered(issuer) {
  const found = await (await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)).json()
  expect('the issuer, as it calls itself', found.issuer, issuer)
  return found
}

/** The tokens of a user who signs in: the authorization code with PKCE. */
export async function signIn(issuer, client, user, resource) {
  const found = await discovered(issuer)
  const verifier = randomBytes(32).toString('base64url')
  const state = randomUUID()
  const asked = new URLSearchParams({
    client_id: client.id, response_type: 'code', redirect_uri: client.redirect, scope: 'openid email', state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    ...(resource && { resource }),
  })
  const back = await new Browser().open(`${found.authorization_endpoint}?${asked}`, user, client.redirect)
  if (typeof back !== 'string') fail(`no code: ${back.status} ${await back.text()}`)
  const answered = new URL(back).searchParams
  if (answered.get('state') !== state) fail(`another state: ${back}`)
  return ask(found.token_endpoint, client, {
    grant_type: 'authorization_code', code: answered.get('code') ?? fail(back), redirect_uri: client.redirect,
    code_verifier: verifier, ...(resource && { resource }),
  })
}

/** The token of a program: client credentials. */
export async function ofProgram(issuer, client, resource) {
  const found = await discovered(issuer)
  return ask(found.token_endpoint, client, { grant_type: 'client_credentials', ...(resource && { resource }) })
}

/** A program that runs until `stop`. `log` is what it has said. */
export class Program {
  constructor(file, args, env, folder) {
    this.file = `${folder}.log`
    const out = openSync(this.file, 'w')
    this.child = spawn(file, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', out, out] })
    this.ended = new Promise(resolve => this.child.once('exit', resolve))
  }

  get log() {
    return readFileSync(this.file, 'utf8')
  }

  async says(pattern) {
    for (let tries = 0; tries < 600; tries += 1) {
      const found = pattern.exec(this.log)
      if (found) return found
      if (this.child.exitCode !== null) break
      await sleep(50)
    }
    return fail(`${pattern} was not said:\n${this.log}`)
  }

  async answers(url) {
    for (let tries = 0; tries < 600 && this.child.exitCode === null; tries += 1) {
      const answer = await fetch(url).catch(() => undefined)
      if (answer?.ok) return
      await sleep(50)
    }
    fail(`${url} does not answer:\n${this.log}`)
  }

  async stop() {
    this.child.kill('SIGTERM')
    await this.ended
  }
}

/** A Latchkey on a database of its own. */
export class Latchkey extends Program {
  static count = 0

  static async start(binary, work, settings) {
    const folder = `${work}/latchkey-${Latchkey.count += 1}`
    const server = new Latchkey(binary, [], {
      ...settings, LATCHKEY_LISTEN: '127.0.0.1:0', LATCHKEY_DATA_DIR: folder, LATCHKEY_LOG: 'info,latchkey_http=debug',
    }, folder)
    server.url = (await server.says(/listening on (http:\/\/127\.0\.0\.1:\d+)/))[1]
    server.origin = settings.LATCHKEY_TRUSTED_ORIGINS
    return server
  }

  call(token, method, path, body) {
    const headers = { authorization: `Bearer ${token}`, ...(this.origin && { origin: this.origin }) }
    if (body) headers['content-type'] = 'application/json'
    return fetch(`${this.url}${path}`, { method, headers, body: body && JSON.stringify(body) })
  }

  /** A key is made, listed, verified and revoked by this token, and belongs to this owner. */
  async serves(what, token, owner) {
    const keys = '/api/v1/api-keys'
    const made = await this.call(token, 'POST', keys, { name: 'Production' })
    if (made.status !== 201) fail(`${what}: ${made.status} ${await made.text()}\n${this.log}`)
    expect('the origin that may read the answer', made.headers.get('access-control-allow-origin'), this.origin ?? null)
    const { id, key } = await made.json()
    const verify = async () => fetch(`${this.url}/api/v1/verify`, { headers: { 'x-api-key': key } })
    expect(`${what}: the owner`, (await (await verify()).json()).ownerId, owner)
    const listed = await (await this.call(token, 'GET', keys)).json()
    expect(`${what}: the key is listed`, listed.some(item => item.id === id), true)
    expect(`${what}: the revocation`, (await this.call(token, 'DELETE', `${keys}/${id}`)).status, 200)
    expect(`${what}: the revoked key`, (await verify()).status, 401)
    console.log(`  ${what}: its keys belong to ${owner}`)
  }

  /** 401, for this reason in the log; without one the text is no JWT. */
  async refuses(what, token, why) {
    const before = this.log.length
    expect(what, (await this.call(token, 'GET', '/api/v1/api-keys')).status, 401)
    if (why) {
      const log = () => this.log.slice(before)
      for (let tries = 0; !log().includes('refused a JWT') && tries < 100; tries += 1) await sleep(20)
      if (!log().includes(why)) fail(`${what}: not refused for ${why}:\n${log()}`)
    }
    console.log(`  ${what}: 401${why ? `, ${why}` : ''}`)
  }
}
