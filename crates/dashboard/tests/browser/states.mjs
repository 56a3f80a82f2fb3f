import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { ALL_KEYS, button, chooseAction, clipboard, create, createButton, description, dialog, everythingIn, isFocused, KEYS, nameField, openCreate, openKeys, question, row, rows, said, signOut, theKey } from './steps.mjs'

const SIGNED_OUT = [/401 \(Unauthorized\)/]

item(18, 'a filter that finds nothing says so and is cleared', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page, '?q=zapier')
  await page.getByText('No keys match “zapier”.').waitFor()
  assert.equal(await rows(page).count(), 0)
  await page.getByRole('button', { name: 'Clear' }).last().click()
  await row(page, 'Production').waitFor()
  assert.equal(await page.getByRole('searchbox').inputValue(), '')
})

item(18, 'a list whose style sheet can’t be loaded works without', async ({ page, person }) => {
  await person.hasKey('Production')
  await page.route('**/panel.css', route => route.request().resourceType() === 'fetch' ? route.abort() : route.continue())
  await openKeys(page)
  await create(page, 'Staging')
}, { expected: [/ERR_FAILED/] })

item(19, 'the empty list says what a key is for, with the button and the way to the reference', async ({ page }) => {
  await openKeys(page)
  await page.getByRole('heading', { name: 'No API keys yet' }).waitFor()
  await page.getByText(/Use API keys to|Create a key to make/).first().waitFor()
  assert.ok(await createButton(page).last().isVisible())
  await page.getByRole('link', { name: 'View docs' }).click()
  await page.waitForURL('/docs')
  await page.getByRole('heading', { level: 1 }).waitFor()
})

for (const [api, settings, command] of /** @type {[string, Record<string, string>, RegExp][]} */ ([
  ['Latchkey’s verification', {}, /^curl http:\/\/[\w.]+:\d+\/api\/v1\/verify \\\n  -H "x-api-key: \$API_KEY"$/],
  ['the product’s own', { LATCHKEY_EXAMPLE_REQUEST: 'POST https://api.example.com/v1/shots?a=1&b=| {"it\'s": "<b>"}' },
    /^curl -X POST 'https:\/\/api\.example\.com\/v1\/shots\?a=1&b=%7C' \\\n.*x-api-key: \$API_KEY" \\\n.*content-type.*\\\n  -d '\{"it'\\''s": "<b>"\}'$/],
])) {
  item(19, `the empty list shows three steps, the last a call of ${api}, as the server draws them`, async ({ page, person }) => {
    await openKeys(page)
    const steps = page.locator('.steps li')
    assert.equal(await steps.count(), 3)
    assert.match(`${await steps.last().locator('code').textContent()}`, command)
    const seen = await steps.allTextContents()
    const html = await (await person.call('GET', KEYS)).text()
    // The policy of the page keeps it from reading markup.
    await page.goto('about:blank')
    const drawn = await page.evaluate(html => [...new DOMParser().parseFromString(html, 'text/html').querySelectorAll('.steps li')].map(it => it.textContent), html)
    assert.deepEqual(drawn, seen)
  }, { settings })
}

item(20, 'a session that is over during an action is said in place, and nothing typed is lost', async ({ page, person }) => {
  await openKeys(page, '?sort=name')
  await openCreate(page)
  await nameField(page).fill('Production')
  await dialog(page).getByLabel('Test').check()
  await person.json('POST', '/api/v1/auth/sign-out')
  await nameField(page).press('Enter')
  await dialog(page).getByRole('alert').getByText(/signed out|session has expired/i).waitFor()
  const opening = page.waitForEvent('popup')
  await dialog(page).getByRole('link', { name: /Sign in again/ }).click()
  const signIn = await opening
  await signIn.getByLabel('Email').fill(person.email)
  await signIn.getByLabel('Password', { exact: true }).fill(person.password)
  await signIn.keyboard.press('Enter')
  await signIn.waitForURL(/\/account\//)
  await signIn.close()
  await page.bringToFront()
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await dialog(page).getByRole('alert').getByText(/signed out|session has expired/i).waitFor({ state: 'detached' })
  assert.equal(await nameField(page).inputValue(), 'Production')
  assert.ok(await dialog(page).getByLabel('Test').isChecked())
  await nameField(page).press('Enter')
  await theKey(page).waitFor()
  assert.match(page.url(), /\/account\/api-keys\?sort=name$/)
}, { expected: SIGNED_OUT })

item(20, 'an action on a row after the session is over is never silent', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await person.json('POST', '/api/v1/auth/sign-out')
  await row(page, 'Production').getByRole('switch').click()
  await page.getByRole('alert').getByText(/signed out|session has expired/i).waitFor()
  assert.doesNotMatch(await everythingIn(page), /Production/, 'and what was the account’s is gone')
  await person.open('sign-in')
  await page.context().addCookies([person.cookie()])
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await row(page, 'Production').getByText('Active', { exact: true }).waitFor()
}, { expected: SIGNED_OUT })

item(20, 'a new name that was typed when the session ended is there again after signing in', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await button(page, 'Rename Production').click()
  const field = page.getByRole('textbox', { name: 'New name of Production' })
  await field.fill('Backend')
  await person.json('POST', '/api/v1/auth/sign-out')
  await field.press('Enter')
  await page.getByRole('alert').getByText(/signed out|session has expired/i).waitFor()
  await person.open('sign-in')
  await page.context().addCookies([person.cookie()])
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await eventually(async () => assert.equal(await field.inputValue(), 'Backend'))
  await field.press('Enter')
  await row(page, 'Backend').waitFor()
}, { expected: SIGNED_OUT })

item(20, 'a page asked for without a session comes after signing in', async ({ page, person }) => {
  await page.goto('/account/api-keys?status=disabled')
  await page.waitForURL(/\/sign-in\?next=/)
  await page.getByLabel('Email').fill(person.email)
  await page.getByLabel('Password', { exact: true }).fill(person.password)
  await page.keyboard.press('Enter')
  await page.waitForURL('/account/api-keys?status=disabled')
}, { signedIn: false })

for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/account/../../evil', '/%2f%2fevil.example']) {
  item(20, `signing in goes nowhere else: ${next}`, async ({ page, person, server }) => {
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`)
    await page.getByLabel('Email').fill(person.email)
    await page.getByLabel('Password', { exact: true }).fill(person.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(url => url.pathname !== '/sign-in')
    assert.ok(page.url().startsWith(`${server.url}/account/`), page.url())
  }, { signedIn: false })
}

item(21, 'an error shows the server’s words and the request id, with a button to copy it', async ({ page }) => {
  await openKeys(page)
  await openCreate(page)
  const answering = page.waitForResponse(it => it.request().method() === 'POST')
  await nameField(page).fill('\u202eProduction')
  await page.keyboard.press('Enter')
  const answer = await answering
  const { error } = await answer.json()
  const place = dialog(page).getByRole('alert')
  await place.getByText(error).waitFor()
  const id = answer.headers()['x-request-id']
  assert.ok((await place.textContent()).includes(id))
  await place.getByRole('button', { name: 'Copy request ID' }).click()
  await eventually(async () => assert.equal(await clipboard(page), id))
  await page.waitForTimeout(1_500)
  assert.ok(await place.getByText(error).isVisible(), 'it does not go away by itself')
}, { expected: [/400 \(Bad Request\)/] })

item(21, 'a server that can’t be reached is said, and what was typed stays', async ({ page, server }) => {
  await openKeys(page)
  await openCreate(page)
  await nameField(page).fill('Production')
  await server.stop()
  await page.keyboard.press('Enter')
  await dialog(page).getByRole('alert').getByText(/reach the server/).waitFor()
  assert.equal(await nameField(page).inputValue(), 'Production')
}, { settings: {}, expected: [/ERR_CONNECTION_REFUSED/] })

item(22, 'where as many keys as allowed are there, the button says so and keeps the focus', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  const create = createButton(page)
  await create.focus()
  assert.ok(await isFocused(create))
  assert.equal(await create.getAttribute('aria-disabled'), 'true')
  assert.match(await description(create), /1 API key\b.*Revoke one/)
  await page.keyboard.press('Enter')
  await eventually(async () => assert.match(await said(page), /Revoke one/))
  assert.equal(await dialog(page).count(), 0)
  await chooseAction(page, 'Production', 'Revoke…')
  await button(question(page), 'Revoke key').click()
  await row(page, 'Production').waitFor({ state: 'detached' })
  await openCreate(page)
}, { settings: { LATCHKEY_MAX_KEYS_PER_OWNER: '1' } })

item(22, 'from 80 % of the limit on, the list says how many keys there are, but for replaced ones', async ({ page, person }) => {
  const count = page.locator('.count')
  for (const name of ['One', 'Two', 'Three']) await person.hasKey(name)
  await openKeys(page)
  await row(page, 'Three').waitFor()
  assert.ok(await count.isHidden())
  const { id } = await person.hasKey('Four')
  await person.json('POST', `/api/v1/api-keys/${id}/rotate`, {})
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await count.getByText('4 of 5 keys', { exact: true }).waitFor()
  await person.hasKey('Five')
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await page.getByText('You’ve reached the limit of 5 API keys. Replaced keys don’t count.').waitFor()
  assert.ok(await count.isHidden())
}, { settings: { LATCHKEY_MAX_KEYS_PER_OWNER: '5' } })

item(22, 'a limit that is reached meanwhile is said by the server’s words', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  await person.hasKey('Elsewhere')
  await nameField(page).fill('Production')
  await page.keyboard.press('Enter')
  await dialog(page).getByRole('alert').getByText(/keys?/).first().waitFor()
  assert.equal(await nameField(page).inputValue(), 'Production')
}, { settings: { LATCHKEY_MAX_KEYS_PER_OWNER: '1' }, expected: [/409 \(Conflict\)/] })

item(23, 'the list is read again when its tab gets the focus', async ({ page, person }) => {
  const { id } = await person.hasKey('Production')
  await openKeys(page)
  const other = await page.context().newPage()
  await openKeys(other)
  await person.hasKey('Staging')
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { name: 'Backend' })
  await other.evaluate(() => dispatchEvent(new Event('focus')))
  await row(other, 'Staging').waitFor()
  await row(other, 'Backend').waitFor()
})

item(23, 'an action on a row that is gone says so', async ({ page, person }) => {
  const { id } = await person.hasKey('Production')
  await person.hasKey('Staging')
  await openKeys(page)
  await person.json('DELETE', `/api/v1/api-keys/${id}`)
  await row(page, 'Production').getByRole('switch').click()
  await page.getByRole('alert').getByText(/“Production” was already revoked/).waitFor()
  await row(page, 'Production').waitFor({ state: 'detached' })
  assert.equal(await rows(page).count(), 1)
}, { expected: [/404 \(Not Found\)/] })

item(23, 'while somebody types a name, an action on a row that is gone says so, too', async ({ page, person }) => {
  const { id } = await person.hasKey('Production')
  await person.hasKey('Staging')
  await openKeys(page)
  await button(page, 'Rename Staging').click()
  await person.json('DELETE', `/api/v1/api-keys/${id}`)
  const listed = page.waitForResponse(response => ALL_KEYS.test(response.url()))
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await (await listed).finished()
  await button(page, 'Actions for Production').click()
  await page.getByRole('menuitem', { name: 'Details' }).waitFor()
  await page.keyboard.press('Escape')
  await row(page, 'Production').getByRole('switch').click()
  await page.getByRole('alert').getByText(/“Production” was already revoked/).waitFor()
  await page.getByRole('textbox', { name: 'New name of Staging' }).press('Escape')
  await row(page, 'Production').waitFor({ state: 'detached' })
}, { expected: [/404 \(Not Found\)/] })

item(23, 'a key that another tab rotated can’t be rotated again, and the page says why', async ({ page, person }) => {
  const { id } = await person.hasKey('Production')
  await openKeys(page)
  await chooseAction(page, 'Production', 'Rotate…')
  await person.json('POST', `/api/v1/api-keys/${id}/rotate`, {})
  await button(dialog(page), 'Rotate key').click()
  await dialog(page).getByRole('alert').getByText(/\w+/).first().waitFor()
  assert.equal((await person.keys()).length, 2)
}, { expected: [/409 \(Conflict\)/] })

item(8, 'after signing out, Back shows nobody’s keys', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await signOut(page)
  await page.waitForURL(/\/sign-in/)
  await page.goBack().catch(() => 'there is nothing to go back to')
  await eventually(async () => assert.doesNotMatch(await everythingIn(page), /Production/))
  await page.goto(KEYS)
  await page.waitForURL(/\/sign-in/)
  assert.equal((await person.call('GET', '/api/v1/auth/session')).status, 401)
})
