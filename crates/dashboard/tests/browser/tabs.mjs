// Tabs of one browser share their session: a page sees that another account is signed in, or that nobody is.
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'

import { eventually, item } from './harness.mjs'
import { Person } from './person.mjs'
import { button, chooseAction, create, createButton, everythingIn, nameField, openCreate, openKeys, question, row, signOut } from './steps.mjs'

const CONFLICT = [/409 \(Conflict\)/]
const OUT = [/401 \(Unauthorized\)/]
const comesBack = page => page.evaluate(() => dispatchEvent(new Event('focus')))
const saysOther = (page, other) => page.getByRole('alert').getByText(`You’re signed in as ${other.email} in another tab.`).waitFor()

async function signInAs(page, person) {
  await page.goto('/sign-in')
  await page.getByLabel('Email').fill(person.email)
  await page.getByLabel('Password', { exact: true }).fill(person.password)
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/account\//)
}

async function signOutIn(page) {
  await page.goto('/account/profile')
  await signOut(page)
  await page.waitForURL(/\/sign-in/)
}

/** As another browser's tab would: the cookie changes, and no page hears of it. */
async function secretlyBecomes(page, other) {
  await page.context().addCookies([other.cookie()])
}

const PAGES = { 'the list of keys': '/account/api-keys', usage: '/account/usage', activity: '/account/activity', profile: '/account/profile' }

/** The panel begins to listen only when its style sheet is there, which may be after the page has loaded. */
const open = (page, path) => path === PAGES['the list of keys'] ? openKeys(page) : page.goto(path)

item(42, 'every page of the account shows how to sign out, which ends the session', async ({ page, person }) => {
  for (const path of Object.values(PAGES)) {
    await page.goto(path)
    await page.locator('.who').waitFor()
  }
  await signOut(page)
  await page.waitForURL(/\/sign-in/)
  assert.equal((await person.call('GET', '/api/v1/auth/session')).status, 401)
})

for (const [name, path] of Object.entries(PAGES)) {
  item(42, `${name}: signing in as somebody else in another tab empties this one and says who it is`, async ({ page, person, server }) => {
    await person.hasKey('Ada’s key')
    const bob = await Person.signUp(server)
    await open(page, path)
    const other = await page.context().newPage()
    await signOutIn(other)
    await page.getByRole('alert').getByText('You’re signed out.').waitFor()
    assert.ok(!(await everythingIn(page)).includes('Ada’s key'))
    assert.ok(!(await everythingIn(page)).includes(person.email))
    await signInAs(other, bob)
    await saysOther(page, bob)
    assert.ok(!(await everythingIn(page)).includes(person.email))
    await button(page, 'Reload this page').click()
    await page.locator('.who').getByText(bob.email).waitFor()
  })

  item(42, `${name}: a page that comes back to the front sees that another account is signed in`, async ({ page, person, server }) => {
    await person.hasKey('Ada’s key')
    const bob = await Person.signUp(server)
    await open(page, path)
    await secretlyBecomes(page, bob)
    await comesBack(page)
    await saysOther(page, bob)
    const left = await everythingIn(page)
    assert.ok(!left.includes('Ada’s key') && !left.includes(person.email))
  })

  item(42, `${name}: a page that comes back to the front sees that nobody is signed in`, async ({ page, person }) => {
    await person.hasKey('Ada’s key')
    await open(page, path)
    await person.json('POST', '/api/v1/auth/sign-out')
    await comesBack(page)
    await page.getByRole('alert').getByText(/You’re signed out\./).waitFor()
    assert.ok(!(await everythingIn(page)).includes('Ada’s key'))
  }, { expected: OUT })
}

item(42, 'signing in again in another tab brings this one back', async ({ page, person }) => {
  await person.hasKey('Ada’s key')
  await openKeys(page)
  const other = await page.context().newPage()
  await signOutIn(other)
  await page.getByRole('alert').getByText('You’re signed out.').waitFor()
  await signInAs(other, person)
  await row(page, 'Ada’s key').waitFor()
})

const ACTIONS = {
  async 'creates no key'(page) {
    await openCreate(page)
    await nameField(page).fill('Mine')
    await page.keyboard.press('Enter')
  },
  async 'revokes no key'(page) {
    await chooseAction(page, 'Ada’s key', 'Revoke…')
    await button(question(page), 'Revoke key').click()
  },
  async 'disables no key'(page) { await row(page, 'Ada’s key').getByRole('switch').click() },
  async 'signs nobody out'(page) { await signOut(page) },
}

for (const [what, act] of Object.entries(ACTIONS)) {
  item(42, `a page of Ada ${what} while Bob is signed in`, async ({ page, person, server }) => {
    const { key } = await person.hasKey('Ada’s key')
    const bob = await Person.signUp(server)
    const his = await bob.hasKey('Bob’s key')
    await openKeys(page)
    await secretlyBecomes(page, bob)
    await act(page)
    await saysOther(page, bob)
    assert.equal(await page.getByRole('dialog').count() + await question(page).count(), 0)
    const left = await everythingIn(page)
    assert.ok(!left.includes('Ada’s key') && !left.includes('Bob’s key'))
    assert.deepEqual((await bob.keys()).map(it => it.name), ['Bob’s key'])
    assert.deepEqual([await bob.verify(his.key), await bob.verify(key)], [200, 200])
    assert.equal((await bob.call('GET', '/api/v1/auth/session')).status, 200)
  }, { expected: CONFLICT })
}

item(42, 'a page of Ada changes nobody’s password while Bob is signed in', async ({ page, person, server }) => {
  const bob = await Person.signUp(server)
  await page.goto('/account/profile')
  await secretlyBecomes(page, bob)
  await page.getByLabel('Current password', { exact: true }).fill(person.password)
  await page.getByLabel('New password', { exact: true }).fill('another long password')
  await button(page, 'Change password').click()
  await saysOther(page, bob)
  await bob.open('sign-in')
}, { expected: CONFLICT })

item(42, 'a new key that nobody copied stays when the session ends by itself, and the list does not', async ({ page, person }) => {
  await person.hasKey('Ada’s key')
  await openKeys(page)
  const key = await create(page, 'Production')
  await person.json('POST', '/api/v1/auth/sign-out')
  await comesBack(page)
  await eventually(async () => assert.ok(!(await everythingIn(page)).includes('Ada’s key')))
  assert.equal(await page.getByRole('textbox', { name: 'API key' }).inputValue(), key)
  await button(page.getByRole('dialog'), 'Copy key').click()
  await button(page.getByRole('dialog'), 'Copied').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByText('Sign in again to see your API keys.').waitFor()
}, { expected: OUT })

const EXAMPLE = new URL('../../../../examples/embedded-panel/', import.meta.url)
const embedded = { site: {}, settings: site => ({ LATCHKEY_TRUSTED_ORIGINS: site.url }) }

async function openEmbedded(page, site, server) {
  site.pages['/'] = readFileSync(new URL('index.html', EXAMPLE), 'utf8').replaceAll('http://127.0.0.1:8080', server.url)
  await page.goto(site.url)
}

item(42, 'an embedded panel of Ada shows and does nothing while Bob is signed in', async ({ page, person, server, site }) => {
  await person.hasKey('Ada’s key')
  const bob = await Person.signUp(server)
  await bob.hasKey('Bob’s key')
  await openEmbedded(page, site, server)
  await row(page, 'Ada’s key').waitFor()
  await secretlyBecomes(page, bob)
  await row(page, 'Ada’s key').getByRole('switch').click()
  await saysOther(page, bob)
  const left = await everythingIn(page)
  assert.ok(!left.includes('Ada’s key') && !left.includes('Bob’s key'))
  await button(page, 'Reload this page').click()
  await row(page, 'Bob’s key').waitFor()
}, { ...embedded, expected: CONFLICT })

item(42, 'an embedded panel that is come back to shows no list of somebody who signed out', async ({ page, person, server, site }) => {
  await person.hasKey('Ada’s key')
  await openEmbedded(page, site, server)
  await row(page, 'Ada’s key').waitFor()
  await person.json('POST', '/api/v1/auth/sign-out')
  await comesBack(page)
  await page.getByText('Sign in again to see your API keys.').waitFor()
  assert.ok(!(await everythingIn(page)).includes('Ada’s key'))
  assert.equal(await createButton(page).count(), 0)
}, { ...embedded, expected: OUT })

const KEPT_NOT = /Your browser did not keep the session\b/

item(43, 'where cookies are blocked, signing in says so and asks to allow them', async ({ page, person }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'cookieEnabled', { get: () => false }))
  await page.route('**/auth/sign-in', async route => {
    const response = await route.fetch()
    const { 'set-cookie': _, ...headers } = response.headers()
    await page.context().clearCookies()
    await route.fulfill({ response, headers })
  })
  await page.goto('/sign-in')
  await page.getByLabel('Email').fill(person.email)
  await page.getByLabel('Password', { exact: true }).fill(person.password)
  await page.keyboard.press('Enter')
  const alert = page.getByRole('alert').filter({ hasText: KEPT_NOT })
  await alert.getByText(/blocks cookies/).waitFor()
  assert.match(page.url(), /\/sign-in$/)
}, { signedIn: false, expected: OUT })

item(43, 'where another cookie of the name is in the way, signing in names the cookie and the setting', async ({ page, person, server }) => {
  const bob = await Person.signUp(server)
  const { url: _, ...cookie } = bob.cookie()
  await page.context().addCookies([{ ...cookie, domain: '127.0.0.1', path: '/api/v1/auth/session' }])
  await page.goto('/sign-in')
  await page.getByLabel('Email').fill(person.email)
  await page.getByLabel('Password', { exact: true }).fill(person.password)
  await page.keyboard.press('Enter')
  const alert = page.getByRole('alert').filter({ hasText: KEPT_NOT })
  await alert.getByText(/cookie of the same name.*LATCHKEY_SESSION_COOKIE/).waitFor()
  assert.match(page.url(), /\/sign-in$/)
}, { signedIn: false, expected: OUT })
