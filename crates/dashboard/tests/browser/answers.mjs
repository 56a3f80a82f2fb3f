// A page says that something is done after Latchkey's own answer, and after nobody else's.
import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { button, chooseAction, dialog, nameField, openCreate, openKeys, question, row, rows, said, signOut, theKey } from './steps.mjs'

const PAGE = { contentType: 'text/html', body: '<title>Sign in to the network</title>' }
const json = value => ({ contentType: 'application/json', headers: { 'x-request-id': 'theirs' }, body: JSON.stringify(value) })
const expected = [/40[0-9] \(|50[0-9] \(|Failed to load resource/]

/** Who may answer in Latchkey's place, and with what. */
const OTHERS = {
  'nobody knows this address': { status: 404, ...PAGE },
  'the same words by somebody else': { status: 404, ...json({ error: 'API key not found' }) },
  'a network that wants a sign-in': { status: 200, ...PAGE },
  'another API that succeeded': { status: 200, ...json({ success: true }) },
  'another API that answers with a list': { status: 200, ...json([]) },
  'a proxy without its backend': { status: 502, ...PAGE },
  'a proxy that wants a password': { status: 401, ...json({ error: 'Authentication required' }) },
  'a redirect': { status: 302, headers: { location: '/sign-in' }, body: '' },
}

/** Has everything but reads of the list be answered by somebody else. */
const answerChanges = (page, answer) => page.route(/\/api\/v1\//, route =>
  route.request().method() === 'GET' ? route.fallback() : route.fulfill(answer))

for (const [who, answer] of Object.entries(OTHERS)) {
  item(41, `nothing is “revoked” when the answer is from somebody else: ${who}`, async ({ page, person }) => {
    const { key } = await person.hasKey('Production')
    await openKeys(page)
    await answerChanges(page, answer)
    await chooseAction(page, 'Production', 'Revoke…')
    await button(question(page), 'Revoke key').click()
    await question(page).getByRole('alert').getByText('Nothing was revoked: the answer did not come from this service. The key may still work; try again.').waitFor()
    assert.doesNotMatch(await said(page), /was revoked\./)
    assert.equal(await person.verify(key), 200)
    await page.unrouteAll()
    await button(question(page), 'Revoke key').click()
    await row(page, 'Production').waitFor({ state: 'detached' })
    assert.equal(await person.verify(key), 401)
  }, { expected })
}

item(41, 'when everything is answered by somebody else, nothing is revoked and the list stays', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await page.route(/\/api\/v1\//, route => route.fulfill(OTHERS['another API that answers with a list']))
  await chooseAction(page, 'Production', 'Revoke…')
  await button(question(page), 'Revoke key').click()
  await question(page).getByRole('alert').getByText(/^Nothing was revoked/).waitFor()
  await page.keyboard.press('Escape')
  await question(page).waitFor({ state: 'detached' })
  assert.equal(await rows(page).count(), 1)
}, { expected })

item(41, 'a revoke whose answer got lost counts where a fresh list is without the key', async ({ page, person }) => {
  const { key } = await person.hasKey('Production')
  await openKeys(page)
  await page.route('**/api/v1/api-keys/*', async route => {
    await route.fetch()
    await route.fulfill(OTHERS['a proxy without its backend'])
  })
  await chooseAction(page, 'Production', 'Revoke…')
  await button(question(page), 'Revoke key').click()
  await row(page, 'Production').waitFor({ state: 'detached' })
  await eventually(async () => assert.match(await said(page), /Production was already revoked/))
  assert.equal(await person.verify(key), 401)
}, { expected })

item([34, 41], 'of several, those that were revoked are gone and the rest stay, with the reason', async ({ page, person }) => {
  const keys = []
  for (const name of ['Zapier', 'Staging', 'Production']) keys.push(await person.hasKey(name))
  const [zapier, staging, production] = keys
  await openKeys(page)
  await page.route(`**/api/v1/api-keys/${staging.id}`, route => route.fulfill(OTHERS['nobody knows this address']))
  for (const name of ['Zapier', 'Staging', 'Production']) await page.getByRole('checkbox', { name: `Select ${name}` }).check()
  await person.json('DELETE', `/api/v1/api-keys/${production.id}`)
  await button(page, 'Revoke 3 keys…').click()
  await button(question(page), 'Revoke 3 keys').click()
  await question(page).getByRole('alert').getByText(/^Nothing was revoked/).waitFor()
  assert.equal(await person.verify(staging.key), 200)
  await page.unrouteAll()
  await button(question(page), 'Revoke 3 keys').click()
  await question(page).waitFor({ state: 'detached' })
  await eventually(async () => assert.match(await said(page), /2 keys were revoked\. 1 key was already revoked\./))
  assert.deepEqual([await person.verify(zapier.key), await person.verify(staging.key)], [401, 401])
  assert.deepEqual(await person.keys(), [])
}, { expected })

const CHANGES = {
  async 'is disabled'(page) { await row(page, 'Production').getByRole('switch').click() },
  async 'is renamed'(page) {
    await button(page, 'Rename Production').click()
    await page.getByRole('textbox', { name: 'New name of Production' }).fill('Backend')
    await page.keyboard.press('Enter')
  },
  async 'has another expiry'(page) {
    await chooseAction(page, 'Production', 'Change expiry…')
    await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'In 7 days' })
    await button(dialog(page), 'Save').click()
  },
  async 'is rotated'(page) {
    await chooseAction(page, 'Production', 'Rotate…')
    await button(dialog(page), 'Rotate key').click()
  },
}

for (const [what, change] of Object.entries(CHANGES)) {
  for (const who of ['nobody knows this address', 'another API that succeeded']) {
    item(41, `no key ${what} when the answer is from somebody else: ${who}`, async ({ page, person }) => {
      await person.hasKey('Production')
      const [before] = await person.keys()
      await openKeys(page)
      await page.evaluate(() => {
        globalThis.told = []
        addEventListener('api-keys-changed', ({ detail }) => globalThis.told.push(detail))
      })
      await answerChanges(page, OTHERS[who])
      await change(page)
      await page.getByRole('alert').getByText(/The answer did not come from this service/).first().waitFor()
      assert.equal(await theKey(page).count(), 0)
      await page.keyboard.press('Escape')
      await row(page, 'Production').getByText('Active', { exact: true }).waitFor()
      assert.doesNotMatch(await said(page), /disabled|Renamed|changed|revoked/)
      assert.deepEqual(await page.evaluate(() => globalThis.told), [], 'the page around the panel is told nothing')
      assert.deepEqual(await person.keys(), [before])
    }, { expected })
  }
}

item(41, 'a key that is gone is called revoked only after a fresh list', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await page.route(/\/api\/v1\/api-keys\//, async route => {
    // As Latchkey answers for a key it does not know, on an instance that is behind.
    const { id } = (await person.keys())[0]
    const response = await route.fetch({ url: route.request().url().replace(id, '019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17') })
    await route.fulfill({ response })
  })
  await row(page, 'Production').getByRole('switch').click()
  await page.getByRole('alert').getByText('API key not found').waitFor()
  assert.doesNotMatch(await page.getByRole('alert').first().textContent(), /already revoked/)
  await row(page, 'Production').getByText('Active', { exact: true }).waitFor()
}, { expected })

item(41, 'a creation whose answer is not Latchkey’s shows no key, and says that there may be one', async ({ page }) => {
  await openKeys(page)
  await answerChanges(page, { status: 201, ...json({ id: 'a', key: 'sk_live_fake', name: 'Production' }) })
  await openCreate(page)
  await nameField(page).fill('Production')
  await page.keyboard.press('Enter')
  await dialog(page).getByRole('alert').getByText(/did not come from this service.*may have been created/).waitFor()
  assert.equal(await theKey(page).count(), 0)
  assert.equal(await nameField(page).inputValue(), 'Production')
}, { expected })

item(41, 'nobody is signed out, and no password changed, by somebody else’s answer', async ({ page, person }) => {
  await page.goto('/account/profile')
  await answerChanges(page, OTHERS['a proxy that wants a password'])
  await page.getByLabel('Current password', { exact: true }).fill(person.password)
  await page.getByLabel('New password', { exact: true }).fill('another long password')
  await button(page, 'Change password').click()
  await page.getByRole('alert').getByText(/did not come from this service/).waitFor()
  assert.equal(await page.getByText('Your password was changed').count(), 0)
  await signOut(page)
  await page.locator('#sign-out-problem').getByText(/did not come from this service/).waitFor()
  assert.match(page.url(), /\/account\/profile$/)
  await page.unrouteAll()
  assert.equal((await person.call('GET', '/api/v1/auth/session')).status, 200)
}, { expected })

for (const who of ['a network that wants a sign-in', 'another API that succeeded', 'a proxy that wants a password']) {
  item(41, `nobody is signed in by somebody else’s answer: ${who}`, async ({ page, person }) => {
    await page.goto('/sign-in')
    await answerChanges(page, OTHERS[who])
    await page.getByLabel('Email').fill(person.email)
    await page.getByLabel('Password', { exact: true }).fill(person.password)
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText(/did not come from this service/).waitFor()
    assert.match(page.url(), /\/sign-in$/)
  }, { signedIn: false, expected })
}
