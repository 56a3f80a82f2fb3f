import { strict as assert } from 'node:assert'
import { readFile } from 'node:fs/promises'

import { eventually, item } from './harness.mjs'
import { operatorAndAda } from './states_shown.mjs'
import { button, clipboard, everythingIn, question } from './steps.mjs'

const PAGES = ['/operator', '/operator/accounts', '/operator/tokens', '/operator/activity', '/operator/system']

const dialog = page => page.locator('dialog[open]')
const toast = (page, words) => page.locator('.toast').getByText(words)
const heading = (page, name) => page.getByRole('heading', { level: 2, name })

item(63, 'for a person who is no operator the pages are not there, and nothing leads to them', async ({ page }) => {
  await page.goto('/account/api-keys')
  assert.equal(await page.getByRole('link', { name: 'Operator' }).count(), 0)
  assert.equal((await page.goto('/operator')).status(), 404)
  await page.getByText('Page not found').waitFor()
}, { expected: [/404/] })

item(63, 'no script or style of the operators’ pages is loaded by the pages of others', async window => {
  const { page } = window
  await operatorAndAda(window)
  const loaded = []
  page.on('request', request => loaded.push(new URL(request.url()).pathname))
  for (const path of ['/account/api-keys', '/account/profile', '/account/usage', '/account/activity', '/docs']) await page.goto(path, { waitUntil: 'networkidle' })
  assert.deepEqual(loaded.filter(path => /operator/.test(path)), [])
})

item(64, 'a pasted key is cut before it leaves the page, and found', async window => {
  const { page, watch } = window
  const { key } = await operatorAndAda(window)
  await page.goto('/account/api-keys')
  await page.getByRole('link', { name: 'Operator' }).click()
  const field = page.getByRole('searchbox', { name: 'Find a key' })
  await field.fill(key.key)
  assert.equal(await field.inputValue(), key.keyPrefix)
  await page.getByText('Only the beginning of the key is used').waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL(/\?q=/)
  await page.getByRole('link', { name: 'Ada’s laptop' }).click()
  await heading(page, 'Ada’s laptop').waitFor()
  assert.deepEqual(watch.requests.filter(url => url.includes(key.key)), [])
  assert.ok(!(await everythingIn(page)).includes(key.key))
})

item(64, 'a key is found by its owner’s email and by a part of its name', async window => {
  const { page } = window
  const { ada, key } = await operatorAndAda(window)
  for (const sought of [ada.email, 'LAPTOP']) {
    await page.goto('/operator')
    await page.getByRole('searchbox', { name: 'Find a key' }).fill(sought)
    await button(page, 'Find').click()
    await page.waitForURL(/\?q=/)
    await page.locator(`a[href="/operator/keys/${key.id}"]`).first().waitFor()
  }
})

item(65, 'a key is disabled, enabled, given metadata and revoked from its page, which says so', async window => {
  const { page } = window
  const { ada, key } = await operatorAndAda(window)
  await page.goto(`/operator/keys/${key.id}`)
  await button(page, 'Disable').click()
  await toast(page, 'Disabled “Ada’s laptop”.').waitFor()
  assert.equal(await ada.verify(key.key), 401)
  await button(page, 'Enable').click()
  await toast(page, 'Enabled “Ada’s laptop”.').waitFor()
  assert.equal(await ada.verify(key.key), 200)
  await button(page, 'Edit metadata').click()
  await dialog(page).getByRole('textbox').fill('[1]')
  await button(dialog(page), 'Save').click()
  await page.getByText('This is not a JSON object.').waitFor()
  await dialog(page).getByRole('textbox').fill('{"plan": 1.0, "n": 12345678901234567890}')
  await button(dialog(page), 'Save').click()
  await toast(page, 'Metadata saved.').waitFor()
  await page.getByText('{"plan":1.0,"n":12345678901234567890}').waitFor()

  await button(page, 'Revoke').click()
  await question(page).getByText('immediately and permanently').waitFor()
  await page.keyboard.press('Escape')
  await question(page).waitFor({ state: 'detached' })
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Revoke', 'the focus is back')
  await button(page, 'Revoke').click()
  await button(question(page), 'Revoke key').click()
  await toast(page, 'Revoked “Ada’s laptop”.').waitFor()
  assert.equal(await ada.verify(key.key), 401)
  assert.equal(await button(page, 'Revoke').count(), 0)
  assert.match(await page.locator('tbody').getByRole('row').first().textContent(), /Revoked “Ada’s laptop”.*Operator …/s)
})

item(66, 'what can’t be undone asks for the password where that was given too long ago', async window => {
  const { page, person } = window
  const { ada, key } = await operatorAndAda(window)
  let refused = 0
  await page.route('**/operator/api/**', async route => {
    if (refused > 0 || route.request().method() === 'GET') return route.continue()
    refused += 1
    await route.fulfill({
      status: 403,
      headers: { 'content-type': 'application/json', 'x-latchkey-time': new Date().toISOString(), 'x-error-code': 'reauthentication_required' },
      body: '{"error":"Confirm your password"}',
    })
  })
  await page.goto(`/operator/keys/${key.id}`)
  await button(page, 'Revoke').click()
  await button(question(page), 'Revoke key').click()
  const field = page.getByRole('textbox', { name: 'Password' })
  await field.fill('a wrong password')
  await page.keyboard.press('Enter')
  await page.getByText('The current password is wrong').waitFor()
  assert.equal(await ada.verify(key.key), 200)
  await field.fill(person.password)
  await page.keyboard.press('Enter')
  await toast(page, 'Revoked “Ada’s laptop”.').waitFor()
  assert.equal(refused, 1)
  assert.equal(await ada.verify(key.key), 401)
}, { expected: [/403/, /400/] })

item(67, 'an owner is suspended, limited, and all its keys are revoked when its id is typed', async window => {
  const { page } = window
  const { ada, key, owner } = await operatorAndAda(window)
  await page.goto(`/operator/owners/${owner}`)
  await page.getByText(ada.email).waitFor()
  await button(page, 'Suspend').click()
  await button(question(page), 'Suspend').click()
  await toast(page, 'Suspended. No key of this owner works.').waitFor()
  assert.equal(await ada.verify(key.key), 401)
  await button(page, 'Change key limit').click()
  await page.getByLabel('Most keys').fill('7')
  await page.keyboard.press('Enter')
  await toast(page, 'Limit saved.').waitFor()
  await page.getByText('1 of 7').waitFor()
  assert.match(await (await ada.call('GET', '/account/api-keys')).text(), / limit="7"/)
  await button(page, 'End suspension').click()
  await toast(page, 'Suspension ended. The keys work again.').waitFor()
  assert.equal(await ada.verify(key.key), 200)
  await page.getByText('1 of 7').waitFor()
  await button(page, 'Revoke all keys').click()
  await button(question(page), 'Revoke all').click()
  await page.getByText('This is something else. Type it as it is shown.').waitFor()
  await question(page).getByRole('textbox').fill(owner)
  await page.keyboard.press('Enter')
  await toast(page, 'Revoked 1 key.').waitFor()
  assert.equal(await ada.verify(key.key), 401)
})

item(67, 'all keys that somebody made are revoked, for all owners', async window => {
  const { page } = window
  const { ada, key, owner } = await operatorAndAda(window)
  await page.goto(`/operator/keys/${key.id}`)
  await page.getByRole('link', { name: 'All keys made by it' }).click()
  await button(page, 'Revoke all of them').click()
  await question(page).getByRole('textbox').fill(owner)
  await page.keyboard.press('Enter')
  await toast(page, 'Revoked 1 key.').waitFor()
  assert.equal(await ada.verify(key.key), 401)
})

item(68, 'accounts are found, disabled, enabled and deleted, but not one’s own', async window => {
  const { page, person } = window
  const { ada, key } = await operatorAndAda(window)
  await page.goto('/operator/accounts')
  await page.getByRole('searchbox', { name: 'Email' }).fill(person.email)
  await page.keyboard.press('Enter')
  await page.waitForURL(/email=/)
  const row = () => page.locator('tbody').getByRole('row')
  assert.match(await row().textContent(), /Operator.*You/s)
  await page.getByRole('searchbox', { name: 'Email' }).fill(ada.email)
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: ada.email }).waitFor()
  await button(page, `Disable ${ada.email}`).click()
  await button(question(page), 'Disable account').click()
  await toast(page, `Disabled ${ada.email}.`).waitFor()
  assert.equal(await ada.verify(key.key), 401)
  await button(page, `Enable ${ada.email}`).click()
  await toast(page, `Enabled ${ada.email}.`).waitFor()
  await button(page, `Delete ${ada.email}`).click()
  await question(page).getByRole('textbox').fill(ada.email)
  await page.keyboard.press('Enter')
  await toast(page, `Deleted ${ada.email}.`).waitFor()
  await page.getByText('No account has this email.').waitFor()
})

item(69, 'a management token is shown once, works, and is revoked', async window => {
  const { page, server } = window
  const { owner } = await operatorAndAda(window)
  await page.goto('/operator/tokens')
  await button(page, 'Create token').click()
  await page.keyboard.press('Enter')
  await page.getByText('Enter a name.').waitFor()
  await page.getByLabel('Name', { exact: true }).fill('Invoices')
  await button(dialog(page), 'Create token').click()
  await page.getByText('Choose at least one right.').waitFor()
  await page.getByRole('checkbox', { name: 'keys:read' }).check()
  await button(dialog(page), 'Create token').click()
  const token = await page.getByRole('textbox', { name: 'Management token' }).inputValue()
  assert.match(token, /^lk_admin_[0-9A-Za-z]{38}$/)
  await button(dialog(page), 'Done').click()
  await button(question(page), 'Go back').click()
  await button(dialog(page), 'Copy token').click()
  await button(dialog(page), 'Copied').waitFor()
  assert.equal(await clipboard(page), token)
  await button(dialog(page), 'Done').click()
  await toast(page, 'Created “Invoices”.').waitFor()
  const ask = async () => {
    const answer = await fetch(`${server.url}/api/v1/admin/owners/${owner}/api-keys`, { headers: { authorization: `Bearer ${token}` } })
    return answer.status
  }
  assert.equal(await ask(), 200)
  assert.ok(!(await everythingIn(page)).includes(token))
  await button(page, 'Revoke Invoices').click()
  await button(question(page), 'Revoke token').click()
  await toast(page, 'Revoked “Invoices”.').waitFor()
  assert.equal(await ask(), 401)
})

item(70, 'everybody’s activity is filtered, and saved as CSV with the same filters', async window => {
  const { page } = window
  const { key, owner } = await operatorAndAda(window)
  await page.goto('/operator/activity')
  await page.getByRole('rowheader', { name: 'Created “Ada’s laptop”' }).first().waitFor()
  assert.ok(await page.getByRole('rowheader', { name: 'Account created' }).count() >= 2)
  await page.getByLabel('Owner').fill(owner)
  await page.getByLabel('Action').selectOption('key.created')
  await button(page, 'Apply').click()
  await page.waitForURL(/action=key\.created/)
  assert.equal(await page.locator('tbody').getByRole('row').count(), 1)
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, 'Export CSV').click()])
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n')
  assert.equal(lines.length, 2)
  assert.match(lines[1], new RegExp(`"${owner}","key\\.created","${key.id}"`))
  await page.getByLabel('Key').fill(key.id)
  await button(page, 'Apply').click()
  await page.waitForURL(/key=/)
  assert.equal(await page.locator('tbody').getByRole('row').count(), 1)
})

item(71, 'the system page shows which instances are alive, and the peppers', async window => {
  const { page } = window
  await operatorAndAda(window)
  await page.goto('/operator/system')
  const [instance, pepper] = [page.locator('#instance-table tbody').getByRole('row'), page.locator('section', { has: heading(page, 'Peppers') }).locator('tbody').getByRole('row')]
  assert.match(await instance.textContent(), /answers this page/)
  assert.match(await pepper.textContent(), /Signs/)
  await eventually(async () => assert.match(await instance.textContent(), /Now/))
  await page.getByText(/ms left|s left/).waitFor()
})

item(63, 'an operator whose role ends is told at the next call, and sees nothing more', async window => {
  const { page, person, server } = window
  const { key } = await operatorAndAda(window)
  await page.goto(`/operator/keys/${key.id}`)
  await server.command('account', 'operator', person.email, '--off')
  await button(page, 'Disable').click()
  // What the page reads of the key's use may be refused too, if that is still under way.
  await page.getByText('Not found').first().waitFor()
  await page.context().clearCookies()
  await button(page, 'Disable').click()
  await page.getByText('You’re signed out.').first().waitFor()
}, { expected: [/404/, /401/] })

item(40, 'the pages of operators have no script or style of their own', async window => {
  const { page } = window
  await operatorAndAda(window)
  for (const path of PAGES) {
    const policy = (await page.goto(path)).headers()['content-security-policy']
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.includes(part), `${part} on ${path}`)
    }
    const inline = await page.evaluate(() => [...document.querySelectorAll('script:not([src]), style, [style], [onclick]')].map(it => it.outerHTML))
    assert.deepEqual(inline, [], path)
  }
})

item(39, 'without JavaScript the pages of operators are read, and say what needs it', async window => {
  const { page } = window
  const { key, owner } = await operatorAndAda(window)
  for (const path of [...PAGES, `/operator/keys/${key.id}`, `/operator/owners/${owner}`]) {
    await page.goto(path)
    await page.getByText(/Turn on JavaScript/).waitFor()
    assert.equal(await page.locator('#operator button:visible').count(), 0, path)
  }
}, { context: { javaScriptEnabled: false } })
