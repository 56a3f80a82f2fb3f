// The panel on a page of another dashboard: the example's, served from another port.
import { strict as assert } from 'node:assert'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { eventually, item, test } from './harness.mjs'
import { ALL_KEYS, button, chooseAction, copyAndClose, create, createButton, dialog, everythingIn, everythingStored, question, row, rows } from './steps.mjs'

const EXAMPLE = new URL('../../../../examples/embedded-panel/', import.meta.url)
const read = name => readFileSync(new URL(name, EXAMPLE), 'utf8')
const trusted = site => ({ LATCHKEY_TRUSTED_ORIGINS: site.url })
const CORS = [/blocked by CORS policy/, /ERR_FAILED/]

async function openExample(page, url, site, server) {
  site.pages['/'] = read('index.html').replaceAll('http://127.0.0.1:8080', server.url)
  site.pages['/style.css'] = read('style.css')
  await page.goto(url)
}

test('the embedded panel of a trusted origin creates and revokes keys', async ({ page, person, server, site }) => {
  const { key } = await person.hasKey('Staging')
  await openExample(page, site.url, site, server)
  await row(page, 'Staging').waitFor()
  const created = await create(page, 'Production')
  assert.equal(await person.verify(created), 200)
  const code = await dialog(page).getByRole('tabpanel').innerText()
  assert.ok(code.includes(`${server.url}/api/v1/verify`), code)
  await copyAndClose(page)
  assert.ok(!(await everythingIn(page)).includes(created.slice(12)))
  assert.ok(!(await everythingStored(page)).includes(created.slice(12)))
  await chooseAction(page, 'Staging', 'Revoke…')
  await button(question(page), 'Revoke key').click()
  await row(page, 'Staging').waitFor({ state: 'detached' })
  assert.equal(await person.verify(key), 401)
  assert.equal(new URL(page.url()).search, '')
}, { site: {}, settings: trusted })

test('the embedded panel tells its page of each change, and never of a key', async ({ page, server, site }) => {
  await openExample(page, site.url, site, server)
  await createButton(page).first().waitFor()
  await page.evaluate(() => {
    globalThis.told = []
    addEventListener('api-keys-changed', ({ detail }) => globalThis.told.push(detail))
  })
  const key = await create(page, 'Production')
  const told = await page.evaluate(() => JSON.stringify(globalThis.told))
  assert.match(told, /"created"/)
  assert.ok(!told.includes(key.slice(12)))
}, { site: {}, settings: trusted })

test('the embedded panel of an origin that is not trusted shows an error and no key', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  await openExample(page, site.url, site, server)
  await page.getByText(/couldn’t load your keys/).waitFor()
  assert.doesNotMatch(await everythingIn(page), /Production/)
  assert.equal(await rows(page).count(), 0)
}, { site: {}, settings: { LATCHKEY_TRUSTED_ORIGINS: 'http://127.0.0.1:1' }, expected: [...CORS, /is not in LATCHKEY_TRUSTED_ORIGINS/] })

test('the embedded panel on another site has no session, for the cookie stays at home', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  await openExample(page, site.foreignUrl, site, server)
  await page.getByText('Sign in to see your API keys.').waitFor()
  assert.equal(await page.getByRole('link', { name: /^Sign in/ }).getAttribute('href'), `${server.url}/sign-in`)
  assert.doesNotMatch(await everythingIn(page), /Production/)
}, { site: {}, settings: site => ({ LATCHKEY_TRUSTED_ORIGINS: site.foreignUrl }), expected: [/401 \(Unauthorized\)/] })

item(18, 'while the list is loaded, a skeleton stands for it', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  let answer
  const answered = new Promise(resolve => { answer = resolve })
  await page.route(ALL_KEYS, async route => {
    await answered
    await route.continue()
  })
  await openExample(page, site.url, site, server)
  await page.locator('[aria-busy="true"]').getByText('Loading API keys…').waitFor({ state: 'attached' })
  assert.equal(await page.getByText('No API keys yet').count(), 0)
  answer()
  await row(page, 'Production').waitFor()
  assert.equal(await page.locator('[aria-busy="true"]').count(), 0)
}, { site: {}, settings: trusted })

item(18, 'a list that can’t be loaded says so, and Retry tries again', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  await page.route(ALL_KEYS, route => route.abort())
  await openExample(page, site.url, site, server)
  await page.getByText('We couldn’t load your keys.').waitFor()
  await button(page, 'Retry').click()
  await eventually(async () => assert.equal(await page.getByText('We couldn’t load your keys.').count(), 1))
  await page.unroute(ALL_KEYS)
  await button(page, 'Retry').click()
  await row(page, 'Production').waitFor()
  // The panel asks again, without a session, to find out whether its origin is trusted.
}, { site: {}, settings: trusted, expected: [/ERR_FAILED/, /401 \(Unauthorized\)/, /is not in LATCHKEY_TRUSTED_ORIGINS/] })

item(18, 'who may not see the list is asked to sign in', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  await openExample(page, site.url, site, server)
  await page.getByText('Sign in to see your API keys.').waitFor()
  await page.context().addCookies([person.cookie()])
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await row(page, 'Production').waitFor()
}, { site: {}, settings: trusted, signedIn: false, expected: [/401 \(Unauthorized\)/] })

// Under the sign-in of another system, on another site: the panel's page says who is signed in, by a token.

const SECRET = 'the secret that both systems were given'
const JWT = { LATCHKEY_JWT_SECRET: SECRET, LATCHKEY_JWT_ISSUER: 'https://app.example', LATCHKEY_JWT_AUDIENCE: 'latchkey' }
const ofAnotherSystem = site => ({ ...JWT, LATCHKEY_TRUSTED_ORIGINS: site.foreignUrl })

/** A token of the other system. */
function tokenFor(owner, seconds = 600) {
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { iss: 'https://app.example', aud: 'latchkey', sub: owner, exp: Math.floor(Date.now() / 1000) + seconds }
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

/** Opens a page on another site than Latchkey's that holds the panel, and counts how often the panel asks for a token. */
async function openPanel(page, site, server, { attributes = '', script = '', answers = [] }) {
  const asked = []
  await page.route('**/my/token', async route => {
    asked.push(route.request().method())
    await route.fulfill(answers[Math.min(asked.length, answers.length) - 1])
  })
  site.pages['/'] = `<!doctype html><title>Keys</title><api-keys-panel api-base="${server.url}" ${attributes}></api-keys-panel>
    <script>${script}</script><script type="module" src="${server.url}/embed/api-keys-panel.js"></script>`
  await page.goto(site.foreignUrl)
  return asked
}

const good = owner => ({ json: { token: tokenFor(owner) } })

test('the panel on another site works by the token of its page, which is asked for again when it has expired', async ({ page, server, site }) => {
  const answers = [{ json: { token: tokenFor('user_123', -600) } }, good('user_123')]
  const asked = await openPanel(page, site, server, { attributes: 'token-url="/my/token"', answers })
  await createButton(page).first().waitFor()
  await eventually(async () => assert.deepEqual(asked, ['POST', 'POST']))
  const key = await create(page, 'Production')
  await copyAndClose(page)
  await row(page, 'Production').waitFor()
  const verified = await fetch(`${server.url}/api/v1/verify`, { headers: { 'x-api-key': key } })
  assert.equal((await verified.json()).ownerId, 'user_123')
  assert.equal(asked.length, 2, 'a good token is kept')
  assert.doesNotMatch(await everythingStored(page), /eyJ/)
}, { site: {}, settings: ofAnotherSystem, signedIn: false, expected: [/401 \(Unauthorized\)/] })

test('the panel takes its token from the property getToken', async ({ page, server, site }) => {
  const script = `document.querySelector('api-keys-panel').getToken = async () => '${tokenFor('user_456')}'`
  const asked = await openPanel(page, site, server, { script })
  await create(page, 'Staging')
  await copyAndClose(page)
  await row(page, 'Staging').waitFor()
  assert.deepEqual(asked, [])
}, { site: {}, settings: ofAnotherSystem, signedIn: false })

test('where the page knows nobody, the panel says so and shows no way to sign in to Latchkey', async ({ page, server, site }) => {
  await openPanel(page, site, server, { attributes: 'token-url="/my/token"', answers: [{ status: 401, json: {} }] })
  await page.getByText('Sign in to see your API keys.').waitFor()
  assert.equal(await page.getByRole('link', { name: /Sign in/ }).count(), 0)
}, { site: {}, settings: ofAnotherSystem, signedIn: false, expected: [/401 \(Unauthorized\)/] })

test('where the page gives no token, the panel asks to reload the page', async ({ page, server, site }) => {
  await openPanel(page, site, server, { attributes: 'token-url="/my/token"', answers: [{ json: { other: 'thing' } }] })
  await page.getByText('This page couldn’t say who is signed in.').first().waitFor()
}, { site: {}, settings: ofAnotherSystem, signedIn: false, expected: [/token-url/, /401 \(Unauthorized\)/] })
