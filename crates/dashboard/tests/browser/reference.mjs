// The API reference: what scripts add to it, and that it reads without them.
import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { assertFits, assertNothingOverlaps, button, clipboard, openKeys, said } from './steps.mjs'

const LANGUAGES = ['curl', 'JavaScript', 'Python', 'Go', 'PHP', 'Ruby']
const section = (page, id) => page.locator(`section#${id}`)
const request = (page, id) => section(page, id).locator('.request')
const searchField = page => page.getByRole('searchbox', { name: 'Search the reference' })
/** Scripts have words to load first. */
async function openReference(page) {
  await page.goto('/docs')
  await button(page, 'Copy as Markdown').waitFor({ timeout: 20_000 })
}
const found = page => page.locator('#found').getByRole('link')

item(60, 'the quickstart comes first, and its three commands are copied as they stand', async ({ page, server }) => {
  await openReference(page)
  assert.equal(await page.getByRole('heading', { level: 2 }).first().textContent(), 'Quickstart')
  const samples = section(page, 'quickstart').locator('.sample')
  assert.equal(await samples.count(), 3)
  for (const sample of await samples.all()) {
    await sample.getByRole('button', { name: /^Copy/ }).click()
    await sample.getByText('Copied').waitFor()
    assert.equal(await clipboard(page), await sample.locator('pre').textContent())
  }
  assert.match(await clipboard(page), new RegExp(`^curl "${server.url}/api/v1/verify" -H "x-api-key: \\$API_KEY"$`))
}, { signedIn: false })

item(60, 'a language is chosen once for all requests, and kept', async ({ page, server }) => {
  await openReference(page)
  const code = request(page, 'createApiKey').locator('code')
  const language = request(page, 'createApiKey').getByRole('combobox', { name: 'Language' })
  const inCurl = await code.textContent()
  assert.deepEqual(await language.locator('option').allTextContents(), LANGUAGES)
  for (const name of LANGUAGES.slice(1)) {
    await language.selectOption(name)
    const text = await code.textContent()
    assert.ok(text.includes(`${server.url}/api/v1/api-keys`) && text.includes('Production') && !text.startsWith('curl'), text)
    assert.ok(await code.locator('.s').count() > 1, `${name} is coloured`)
  }
  assert.ok((await request(page, 'listApiKeys').locator('code').textContent()).includes('Net::HTTP'), 'the others are in Ruby too')
  await page.reload()
  await eventually(async () => assert.ok((await code.textContent()).includes('Net::HTTP'), 'kept'))
  await language.selectOption('curl')
  assert.equal(await code.textContent(), inCurl)
  assert.ok(await code.locator('.s').count() > 1)
}, { signedIn: false })

item(60, 'choosing a language moves nothing under the pointer', async ({ page }) => {
  await openReference(page)
  const language = request(page, 'signIn').getByRole('combobox', { name: 'Language' })
  await language.scrollIntoViewIfNeeded()
  const { y } = await language.boundingBox()
  await language.selectOption('Go')
  const moved = await language.boundingBox()
  assert.ok(Math.abs(moved.y - y) < 2, `${y} and ${moved.y}`)
}, { signedIn: false, context: { viewport: { width: 400, height: 800 } } })

item(60, '/ searches titles, paths and text; Enter and arrows lead there', async ({ page }) => {
  await openReference(page)
  await page.keyboard.press('/')
  await page.keyboard.type('revoke')
  assert.match(await found(page).first().textContent(), /Revoke a key/)
  await page.keyboard.press('Enter')
  await page.waitForURL('/docs#revokeApiKey')
  assert.equal(await searchField(page).inputValue(), '')
  await page.keyboard.press('/')
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.type('overlapSeconds')
  await eventually(async () => assert.match(await said(page), /^\d+ results/))
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.waitForURL('/docs#rotateApiKey')
  await page.keyboard.press('/')
  await page.keyboard.type('zzzz')
  assert.equal(await found(page).count(), 0)
  await eventually(async () => assert.match(await said(page), /Nothing found/))
  await page.keyboard.press('Escape')
  await page.locator('#all-contents').waitFor()
}, { signedIn: false })

item([46, 60], 'a / that is typed into a field is a /, and none does anything where single keys are off', async ({ page }) => {
  await openReference(page)
  await searchField(page).fill('')
  await searchField(page).pressSequentially('/readyz')
  assert.equal(await searchField(page).inputValue(), '/readyz')
  await page.evaluate(() => localStorage.setItem('latchkey-shortcuts', 'off'))
  await page.reload()
  await button(page, 'Copy as Markdown').waitFor({ timeout: 20_000 })
  await page.keyboard.press('/')
  assert.equal(await page.evaluate(() => document.activeElement?.id), '')
}, { signedIn: false })

item(60, 'in a narrow window / opens the contents, and a result closes them', async ({ page }) => {
  await openReference(page)
  await page.keyboard.press('/')
  await page.keyboard.type('sign up')
  await page.keyboard.press('Enter')
  await page.waitForURL('/docs#signUp')
  await page.locator('#contents').waitFor({ state: 'hidden' })
}, { signedIn: false, context: { viewport: { width: 390, height: 800 } } })

item(61, 'a call that only reads is made with the session, and its response shown', async ({ page, person }) => {
  const { id } = await person.hasKey('Production <b>')
  await openReference(page)
  const list = request(page, 'listApiKeys')
  await list.getByRole('button', { name: /^Run/ }).click()
  await list.getByText(/^200 OK · \d+ ms/).waitFor()
  assert.match(await list.locator('.outcome pre').textContent(), /"name": "Production <b>"/)
  await list.getByLabel('status').selectOption('revoked')
  await list.getByRole('button', { name: /^Run/ }).click()
  await eventually(async () => assert.equal(await list.locator('.outcome pre').textContent(), '[]'))
  const one = request(page, 'getApiKey')
  await one.getByRole('button', { name: /^Run/ }).click()
  await one.getByText('Enter a value for id.').waitFor()
  await one.getByLabel('id').fill(id)
  await page.keyboard.press('Enter')
  await one.getByText(/^200 OK/).waitFor()
  assert.match(await one.locator('.outcome pre').textContent(), new RegExp(id))
})

item(61, 'nothing but calls that only read and need no more than the session can be run', async ({ page }) => {
  await openReference(page)
  const runs = await page.locator('section:has(form.try) > .about .address').allTextContents()
  assert.ok(runs.length > 5, runs.join())
  for (const address of runs) {
    assert.match(address, /^GET /)
    assert.doesNotMatch(address, /\/admin\/|\/verify/)
  }
})

item(61, 'what is typed cannot lead a call to another path, and a refusal shows its code', async ({ page, watch }) => {
  await openReference(page)
  const one = request(page, 'getApiKey')
  await one.getByLabel('id').fill('..')
  await page.keyboard.press('Enter')
  await one.getByText('Enter a value for id.').waitFor()
  await one.getByLabel('id').fill('../../auth/session?a=b#c')
  await page.keyboard.press('Enter')
  await one.getByText(/^404 Not Found .* key_not_found$/).waitFor()
  const asked = watch.requests.filter(url => url.includes('/api/v1/')).map(url => new URL(url).pathname)
  assert.deepEqual(asked, ['/api/v1/api-keys/..%2F..%2Fauth%2Fsession%3Fa%3Db%23c'])
}, { expected: [/404/] })

item(61, 'signed out, the response says so and leads to the sign-in', async ({ page }) => {
  await openReference(page)
  const list = request(page, 'listApiKeys')
  await list.getByRole('button', { name: /^Run/ }).click()
  await list.getByText(/^401 Unauthorized .* session_required/).waitFor()
  await list.getByRole('link', { name: 'Sign in' }).click()
  await page.waitForURL('/sign-in?next=%2Faccount%2Fapi-keys')
}, { signedIn: false, expected: [/401/] })

item(61, 'without the server it says so, and can be tried again', async ({ page, person }) => {
  await person.hasKey('Production')
  await openReference(page)
  const list = request(page, 'listApiKeys')
  await page.context().setOffline(true)
  await list.getByRole('button', { name: /^Run/ }).click()
  await list.getByText('The server can’t be reached.').waitFor()
  await page.context().setOffline(false)
  await list.getByRole('button', { name: /^Run/ }).click()
  await list.getByText(/^200 OK/).waitFor()
}, { expected: [/ERR_INTERNET_DISCONNECTED/] })

item(62, 'all of it is copied as Markdown', async ({ page, server }) => {
  await openReference(page)
  await button(page, 'Copy as Markdown').click()
  await page.locator('.as-text').getByText('Copied').waitFor()
  const copied = await clipboard(page)
  assert.equal(copied, await (await fetch(`${server.url}/llms.txt`)).text())
  assert.match(copied, /^# Latchkey API reference\n/)
}, { signedIn: false })

item(62, 'it reads without scripts, also for somebody who is signed in', async ({ page }) => {
  await page.goto('/docs')
  await section(page, 'createApiKey').getByText('Response fields').waitFor()
  assert.match(await request(page, 'createApiKey').locator('code').textContent(), /^curl -X POST/)
  assert.ok(await request(page, 'createApiKey').locator('code .s').count() > 1, 'coloured')
  await section(page, 'createApiKey').locator('summary').click()
  await section(page, 'createApiKey').getByText('limit_reached').waitFor()
  for (const dead of [searchField(page), page.getByRole('button', { name: /Copy|Run/ }), page.getByRole('combobox')]) {
    assert.equal(await dead.filter({ visible: true }).count(), 0)
  }
}, { context: { javaScriptEnabled: false } })

item([37, 62], 'no line of an example is cut off, however narrow the window', async ({ page, person }) => {
  await person.hasKey('Production')
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 800 })
    await openReference(page)
    await request(page, 'listApiKeys').getByRole('button', { name: /^Run/ }).click()
    await request(page, 'listApiKeys').getByText(/^200 OK/).waitFor()
    const cut = await page.locator('.sample pre').evaluateAll(all => all.filter(it => it.scrollWidth > it.clientWidth).map(it => it.textContent))
    assert.deepEqual(cut, [], `${width} px`)
    await assertFits(page)
    // The head stays above what is scrolled.
    await page.evaluate(() => scrollTo(0, 0))
    await assertNothingOverlaps(page, `/docs at ${width} px`)
  }
})

item(62, 'where LATCHKEY_DOCS=off nothing leads to it', async ({ page }) => {
  await openKeys(page)
  await button(page, 'Create API key').first().waitFor()
  assert.equal(await page.locator('a[href$="/docs"]').count(), 0)
  assert.equal((await page.request.get('/docs')).status(), 404)
}, { settings: { LATCHKEY_DOCS: 'off' } })
