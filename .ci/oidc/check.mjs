// Runs the recipes of docs/identity-providers.md: their settings on a real server, with the tokens of a provider that
// issues them as each recipe says.
//
//   check.mjs path/to/latchkey directory [path/to/oauth2-proxy]
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import {
  blockOf, Browser, expect, fail, Latchkey, Listener, ofProgram, PRODUCT, Program, publish, recipe, signIn,
} from './world.mjs'

const [binary, work, proxy] = process.argv.slice(2)
const [GOOD, LATE, OTHER, PROGRAM] = ['good', 'late', 'other', 'program'].map(name => `https://tokens.example/${name}`)
const NO_AUDIENCE = 'another audience'

/**
 * A provider of the form that a recipe is for, and servers with the recipe's settings. `path` ends the issuer, `jwks` is
 * where its keys are. `claims` are in each access token; `others` are those of tokens that the recipe warns of.
 */
async function withRecipe(section, { path = '', jwks, user, claims, others = {}, client = PRODUCT }, use) {
  console.log(section)
  const listener = await Listener.start()
  const { settings, teams } = recipe(section)
  const { origin } = new URL(settings.LATCHKEY_JWT_ISSUER)
  for (const name of ['LATCHKEY_JWT_ISSUER', 'LATCHKEY_JWT_KEYS']) {
    settings[name] = settings[name].replace(origin, `http://127.0.0.1:${listener.port}`)
  }
  const issuer = `http://127.0.0.1:${listener.port}${path}`
  const resources = { [GOOD]: claims, [LATE]: { ...claims, lasts: -61 }, ...others }
  const programs = []
  const world = {
    issuer, settings, teams,
    publish: () => publish(listener, { issuer, jwks, client, resources }),
    tokens: resource => signIn(issuer, client, user, resource),
    runs: program => { programs.push(program); return program },
    serve: async more => world.runs(await Latchkey.start(binary, work, { ...settings, ...more })),
  }
  world.publish()
  try {
    await use(world)
  } finally {
    for (const program of programs.reverse()) await program.stop()
    listener.stop()
  }
}

/** What the access tokens of every recipe must do. */
async function accessTokens({ serve, tokens, publish: rotate }, owner) {
  const server = await serve()
  const old = (await tokens(GOOD)).access_token
  await server.serves('the access token', old, owner)
  await server.refuses('an expired one', (await tokens(LATE)).access_token, 'expired')
  await server.refuses('one for something else', (await tokens(OTHER)).access_token, NO_AUDIENCE)
  await server.refuses('the ID token', (await tokens(GOOD)).id_token, NO_AUDIENCE)
  rotate()
  await server.serves('one by a new key', (await tokens(GOOD)).access_token, owner)
  await server.refuses('one by a key that is gone', old, 'no key of the issuer has signed it')
  return server
}

async function ofTeams({ serve, tokens, teams }, team) {
  const server = await serve({ LATCHKEY_JWT_OWNER_CLAIM: teams ?? fail('the recipe names no claim of teams') })
  await server.serves(`by ${teams}`, (await tokens(GOOD)).access_token, team)
  return server
}

const [, api] = /audience: '([^']+)'/.exec(blockOf('Auth0', 'js'))
await withRecipe('Auth0', {
  path: '/', jwks: '/.well-known/jwks.json',
  user: 'auth0|602c0dcab993d10073daf680',
  claims: { aud: [api, 'https://example.eu.auth0.com/userinfo'], org_id: 'org_9ybsU1dN2dKfDkBi' },
  others: { [OTHER]: { aud: 'https://another.example.com' }, [PROGRAM]: { aud: api, sub: `${PRODUCT.id}@clients` } },
}, async world => {
  const server = await accessTokens(world, 'auth0|602c0dcab993d10073daf680')
  await server.refuses('an access token for no API', (await world.tokens()).access_token)
  const program = (await ofProgram(world.issuer, PRODUCT, PROGRAM)).access_token
  await server.serves('a program', program, `${PRODUCT.id}@clients`)
  await (await ofTeams(world, 'org_9ybsU1dN2dKfDkBi')).refuses('a program', program, "the owner's claim is no owner")
})

const template = JSON.parse(blockOf('Clerk', 'json').replace('{{org.id || user.id}}', 'org_123'))
await withRecipe('Clerk', {
  jwks: '/.well-known/jwks.json',
  user: 'user_1deJLArSTiWiF1YdsEWysnhJLLY',
  claims: { ...template, azp: 'https://app.example.com', lasts: 60 },
  others: { [OTHER]: { aud: [], sid: 'sess_123', v: 2 } },
}, world => accessTokens(world, 'org_123'))

await withRecipe('Keycloak', {
  path: '/realms/example', jwks: '/protocol/openid-connect/certs',
  user: '12631b30-2b87-4a52-9ab5-8e4904a334f3',
  claims: { aud: ['latchkey', 'account'], azp: PRODUCT.id, typ: 'Bearer', team: 'acme' },
  others: { [OTHER]: { aud: 'account', azp: PRODUCT.id, typ: 'Bearer' } },
}, async world => {
  await accessTokens(world, '12631b30-2b87-4a52-9ab5-8e4904a334f3')
  await ofTeams(world, 'acme')
})

const reserved = await Listener.start()
reserved.stop()
const address = `http://127.0.0.1:${reserved.port}`
const [, id] = /^client_id = "(.+)"$/m.exec(blockOf('oauth2-proxy', 'toml'))
const client = { ...PRODUCT, id, redirect: `${address}/oauth2/callback` }
await withRecipe('oauth2-proxy', {
  jwks: '/jwks', user: 'ada', client, claims: {}, others: { [OTHER]: { aud: 'another-api' } },
}, async world => {
  for (const [name, value] of Object.entries(world.settings)) {
    world.settings[name] = value.replace('https://keys.example.com', address)
  }
  const server = await world.serve()
  const { access_token: opaque, id_token: token } = await world.tokens()
  await server.serves('the ID token', token, 'ada')
  await server.refuses('the access token', opaque)
  await server.refuses('one for something else', (await world.tokens(OTHER)).access_token, NO_AUDIENCE)
  if (proxy) await behindTheProxy(world, server)
})

/** A browser that knows the proxy alone, which runs by the document's file. */
async function behindTheProxy({ runs, issuer, publish: rotate, tokens }, server) {
  let config = blockOf('oauth2-proxy', 'toml')
  const secrets = { 'client-secret': client.secret, 'cookie-secret': randomBytes(16).toString('hex') }
  for (const [name, text] of Object.entries(secrets)) {
    writeFileSync(`${work}/${name}`, text)
    config = config.replace(`/etc/oauth2-proxy/${name}`, `${work}/${name}`)
  }
  config = config.replace('https://id.example.com', issuer).replace('http://127.0.0.1:8080', server.url)
    .replace('https://keys.example.com', address).replace('127.0.0.1:4180', new URL(address).host)
  writeFileSync(`${work}/oauth2-proxy.cfg`, config)
  const running = runs(new Program(proxy, ['--config', `${work}/oauth2-proxy.cfg`], {}, `${work}/oauth2-proxy`))
  await running.answers(`${address}/ping`)

  const browser = new Browser()
  const keys = `${address}/api/v1/api-keys`
  expect('the page', (await browser.open(`${address}/account/api-keys`, 'ada')).status, 200)
  const post = (headers, body) => browser.send(keys, { method: 'POST', headers, body })
  const made = await post({ 'content-type': 'application/json', origin: address }, '{"name": "Production"}')
  expect('a key of the page', made.status, 201)
  const { id, key } = await made.json()
  const verified = await fetch(`${server.url}/api/v1/verify`, { headers: { authorization: `Bearer ${key}` } })
  expect('the owner of the key', verified.headers.get('x-api-key-owner'), 'ada')
  expect('its revocation', (await browser.send(`${keys}/${id}`, { method: 'DELETE' })).status, 200)
  console.log('  behind the proxy: the pages work')

  const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  expect('a form of another site', (await post({ ...elsewhere, 'content-type': 'text/plain' }, '{"name": "x"}')).status, 415)
  const asked = { method: 'OPTIONS', redirect: 'manual', headers: { ...elsewhere, 'access-control-request-method': 'POST' } }
  expect('what a browser asks before it sends JSON', (await fetch(keys, asked)).ok, false)
  console.log('  behind the proxy: no page of another site makes a key')

  rotate()
  await server.serves('an ID token by a new key', (await tokens()).id_token, 'ada')
  const refused = await browser.send(`${address}/account/api-keys`)
  expect('where the page sends', refused.headers.get('location')?.split('?')[0], `${address}/oauth2/start`)
  expect('the page', (await browser.open(`${address}/account/api-keys`, 'ada')).status, 200)
  console.log('  behind the proxy: who has a token that counts no longer signs in again')
}
