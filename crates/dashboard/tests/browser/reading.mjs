import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { fill } from './states_shown.mjs'
import {
  ALL_KEYS, button, chooseAction, clipboard, copyAndClose, create, dialog, everythingStored, later, nameField, openCreate, openKeys, question, row, rows, theKey,
} from './steps.mjs'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const inDays = days => new Date(Date.now() + days * DAY).toISOString()
const search = page => page.getByRole('searchbox')
const names = page => page.locator('tbody').getByRole('rowheader').locator('bdi').allTextContents()
const shows = (page, wanted) => eventually(async () => assert.deepEqual(await names(page), wanted))

item(11, 'the columns are Name, Key, Created, Last used, Calls, Expires, Status and actions', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await row(page, 'Production').waitFor()
  const columns = (await page.getByRole('columnheader').allTextContents()).map(it => it.trim())
  assert.deepEqual(columns.slice(1), ['Name', 'Key', 'Created', 'Last used', 'Calls', 'Expires', 'Status', 'Actions'])
  const [used, name] = [row(page, 'Production').getByText('Never').first(), row(page, 'Production').getByRole('rowheader')]
  const colour = it => getComputedStyle(it).color
  assert.notEqual(await used.evaluate(colour), await name.evaluate(colour), '“Never” is muted')
})

item(11, 'a name of a few words stands on one line where there is room', async ({ page, person }) => {
  await fill(person)
  await page.setViewportSize({ width: 1280, height: 800 })
  await openKeys(page)
  for (const name of ['Server-side app', 'Zapier integration']) {
    const lines = await row(page, name).first().locator('bdi').first().evaluate(it => {
      const range = document.createRange()
      range.selectNodeContents(it)
      return new Set([...range.getClientRects()].map(({ top }) => top)).size
    })
    assert.equal(lines, 1, name)
  }
})

item(24, 'times are told from now, the exact one is at hand for pointer and keyboard', async ({ page, person }) => {
  const created = await person.hasKey('Production')
  await person.uses(created)
  await later(page, 3)
  await openKeys(page)
  const times = row(page, 'Production').getByRole('button').filter({ has: page.locator('time') })
  const used = times.filter({ hasText: '3m ago' }).last()
  assert.match(await used.locator('time').getAttribute('datetime'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const tip = page.getByRole('tooltip')
  for (const reach of [() => used.hover(), () => used.focus()]) {
    await page.mouse.move(0, 0)
    await page.keyboard.press('Tab')
    await reach()
    await tip.waitFor()
    assert.match(await tip.textContent(), /\d{4}.*\d:\d\d:\d\d.*(UTC|GMT)/, 'the exact time with its zone')
    assert.match(await tip.textContent(), /Updated about once a minute/)
    await page.keyboard.press('Escape')
    await tip.waitFor({ state: 'hidden' })
  }
})

item(24, 'times go on by themselves', async ({ page, person }) => {
  await person.hasKey('Production')
  await page.clock.install()
  await openKeys(page)
  // The server's clock would say what time it is.
  await page.route(ALL_KEYS, () => {})
  await row(page, 'Production').getByText('just now').waitFor()
  await page.clock.runFor(3 * MINUTE + 1_000)
  await row(page, 'Production').getByText('3m ago').waitFor()
})

item(25, 'a key may expire after 7, 30, 60, 90 or 365 days, on a date, or never', async ({ page, person }) => {
  await openKeys(page)
  for (const [label, days] of [['In 7 days', 7], ['In 30 days', 30], ['In 60 days', 60], ['In 90 days', 90], ['In 1 year', 365], ['No expiration', null]]) {
    await openCreate(page)
    await nameField(page).fill(label)
    await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label })
    await nameField(page).press('Enter')
    await theKey(page).waitFor()
    await copyAndClose(page)
    const [{ expiresAt }] = await person.keys()
    if (days === null) assert.equal(expiresAt, null)
    else assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - days * DAY) < MINUTE, label)
  }
})

item(25, 'a key may expire on a date, which must not be over', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  await nameField(page).fill('Production')
  await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'Custom date…' })
  const date = page.getByLabel('Expires at the end of')
  await date.fill('2020-01-31')
  await button(dialog(page), 'Create API key').click()
  await dialog(page).getByText('Pick today or a later date.').waitFor()
  await date.fill('2099-01-31')
  await button(dialog(page), 'Create API key').click()
  await theKey(page).waitFor()
  assert.equal((await person.keys())[0].expiresAt, new Date(2099, 0, 31, 23, 59, 59, 999).toISOString())
}, { context: { timezoneId: process.env.TZ ?? Intl.DateTimeFormat().resolvedOptions().timeZone } })

item(25, 'what expires within a week stands out, and a word says what has expired', async ({ page, person }) => {
  await person.hasKey('In a month', { expiresAt: inDays(30) })
  await person.hasKey('Soon', { expiresAt: inDays(3) })
  await person.hasKey('Gone', { expiresAt: inDays(1) })
  await openKeys(page)
  await row(page, 'Soon').getByText('in 3d').waitFor()
  const colourOf = name => row(page, name).locator('.expires time').evaluate(time => getComputedStyle(time).color)
  assert.notEqual(await colourOf('Soon'), await colourOf('In a month'))
  await later(page, 25 * 60)
  await page.reload()
  await row(page, 'Gone').getByText('Expired', { exact: true }).waitFor()
  await row(page, 'Soon').getByText('in 2d').waitFor()
  assert.equal(await row(page, 'Gone').getByRole('switch').count(), 0, 'it would change nothing')
})

item(25, 'the expiry of a key is changed later', async ({ page, person }) => {
  await person.hasKey('Production', { expiresAt: inDays(3) })
  await openKeys(page)
  await chooseAction(page, 'Production', 'Change expiry…')
  await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'No expiration' })
  await button(dialog(page), 'Save').click()
  await dialog(page).waitFor({ state: 'detached' })
  assert.equal((await person.keys())[0].expiresAt, null)
  await row(page, 'Production').getByText('Active', { exact: true }).waitFor()
})

const options = page => dialog(page).getByLabel('Expires', { exact: true }).getByRole('option').allTextContents()
const chosen = page => dialog(page).getByLabel('Expires', { exact: true }).evaluate(it => it.selectedOptions[0].textContent)

item(25, 'changing the expiry proposes the one that is there, and saves only another', async ({ page, person }) => {
  await person.hasKey('Ends', { expiresAt: inDays(5) })
  await person.hasKey('Endless')
  const [{ expiresAt: none }, { expiresAt: end }] = await person.keys()
  await openKeys(page)
  await chooseAction(page, 'Ends', 'Change expiry…')
  assert.match(await chosen(page), /^Keep \w+ \d+, \d{4}$/)
  const save = button(dialog(page), 'Save')
  assert.ok(await save.isDisabled())
  await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'In 7 days' })
  assert.ok(await save.isEnabled())
  await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: await options(page).then(all => all[0]) })
  assert.ok(await save.isDisabled())
  await page.keyboard.press('Escape')
  await chooseAction(page, 'Endless', 'Change expiry…')
  assert.equal(await chosen(page), 'No expiration')
  assert.ok(await save.isDisabled())
  assert.deepEqual((await person.keys()).map(it => it.expiresAt), [none, end])
})

item(25, 'a key that was replaced is only offered what is nearer', async ({ page, person }) => {
  const old = await person.hasKey('Production')
  await person.json('POST', `/api/v1/api-keys/${old.id}/rotate`, { overlapSeconds: 5 * 24 * 60 * 60 })
  const before = (await person.keys()).find(it => it.id === old.id)
  const oldRow = rows(page).filter({ hasText: 'Replaced by' })
  const openExpiry = async () => {
    await button(oldRow, 'Actions for Production').click()
    await page.getByRole('menuitem', { name: 'Change expiry…' }).click()
  }
  await openKeys(page)
  await openExpiry()
  const [keep, ...nearer] = await options(page)
  assert.match(keep, /^Keep /)
  assert.deepEqual(nearer, ['Now', 'In 1 hour', 'Custom date…'])
  await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'Custom date…' })
  const date = page.getByLabel('Expires at the end of')
  const last = await date.getAttribute('max')
  assert.ok(last <= before.expiresAt.slice(0, 10) && last > new Date().toISOString().slice(0, 10), last)
  await date.fill('2099-01-31')
  await button(dialog(page), 'Save').click()
  await dialog(page).getByText(/^Pick a day until /).waitFor()
  await date.fill(last)
  await button(dialog(page), 'Save').click()
  await dialog(page).waitFor({ state: 'detached' })
  const sooner = (await person.keys()).find(it => it.id === old.id)
  assert.ok(sooner.expiresAt < before.expiresAt, sooner.expiresAt)
  await openExpiry()
  await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'Now' })
  await button(dialog(page), 'Save').click()
  await dialog(page).waitFor({ state: 'detached' })
  const now = (await person.keys()).find(it => it.id === old.id)
  assert.ok(Date.parse(now.expiresAt) - Date.now() < 15_000, now.expiresAt)
})

item(26, 'a key is made for live or test use, live first, and the list says which', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  const choices = dialog(page).getByRole('radio')
  assert.ok(await choices.first().isChecked())
  assert.equal(await choices.first().getAttribute('value'), 'live')
  await dialog(page).getByLabel('Test').check()
  await nameField(page).fill('Staging')
  await page.keyboard.press('Enter')
  await theKey(page).waitFor()
  assert.match(await theKey(page).inputValue(), /^sk_test_/)
  await copyAndClose(page)
  await create(page, 'Production')
  assert.match(await theKey(page).inputValue(), /^sk_live_/)
  await copyAndClose(page)
  await row(page, 'Staging').getByText('Test', { exact: true }).waitFor()
  await row(page, 'Production').locator('.prefix').getByText('sk_live_').waitFor()
  assert.equal(await row(page, 'Production').getByText('Test', { exact: true }).count(), 0)
  await page.getByRole('combobox', { name: 'Environment' }).selectOption({ label: 'Test' })
  await shows(page, ['Staging'])
})

item(27, 'search finds names and prefixes; what is shown stands in the address', async ({ page, person }) => {
  const { keyPrefix } = await person.hasKey('Zapier')
  await person.hasKey('Staging', { environment: 'test' })
  await person.hasKey('Production')
  await openKeys(page)
  await search(page).fill('zAP')
  await shows(page, ['Zapier'])
  assert.equal(new URL(page.url()).searchParams.get('q'), 'zAP')
  await page.reload()
  await shows(page, ['Zapier'])
  assert.equal(await search(page).inputValue(), 'zAP')
  await search(page).fill(keyPrefix)
  await shows(page, ['Zapier'])
  await search(page).fill('')
  await shows(page, ['Production', 'Staging', 'Zapier'])
  assert.equal(new URL(page.url()).search, '')
})

item([8, 27], 'a whole key that is pasted finds its row, and goes nowhere', async ({ page, person, watch }) => {
  const { key } = await person.hasKey('Zapier')
  await person.hasKey('Production')
  await openKeys(page)
  const asked = watch.requests.length
  await page.evaluate(text => navigator.clipboard.writeText(`  ${text}\n`), key)
  await search(page).focus()
  await page.keyboard.press('Control+V')
  await shows(page, ['Zapier'])
  assert.ok(!(await search(page).inputValue()).includes(key.slice(12)))
  assert.ok(!page.url().includes(key.slice(12)))
  assert.ok(!(await everythingStored(page)).includes(key.slice(12)))
  assert.ok(!watch.requests.slice(asked).some(url => url.includes(key.slice(12))))
  await page.goto(`/account/api-keys?q=${key}`)
  await shows(page, ['Zapier'])
  assert.ok(!(await search(page).inputValue()).includes(key.slice(12)))
})

item(27, 'columns sort both ways and say so', async ({ page, person }) => {
  for (const name of ['b', 'C', 'a']) await person.hasKey(name)
  const [first] = await person.keys()
  await person.json('PATCH', `/api/v1/api-keys/${first.id}`, { name: 'A' })
  await person.uses(await person.hasKey('used'))
  await openKeys(page)
  const header = name => page.getByRole('columnheader', { name })
  assert.equal(await header('Created').getAttribute('aria-sort'), 'descending')
  for (const [column, order, wanted] of [
    ['Name', 'ascending', ['A', 'b', 'C', 'used']],
    ['Name', 'descending', ['used', 'C', 'b', 'A']],
    ['Created', 'descending', ['used', 'A', 'C', 'b']],
    ['Created', 'ascending', ['b', 'C', 'A', 'used']],
  ]) {
    await header(column).getByRole('button').click()
    await shows(page, wanted)
    assert.equal(await header(column).getAttribute('aria-sort'), order)
  }
  await header('Last used').getByRole('button').click()
  await eventually(async () => assert.equal((await names(page))[0], 'used'))
  assert.match(page.url(), /sort=/)
  await page.goBack()
  await shows(page, ['b', 'C', 'A', 'used'])
})

item(27, 'keys are filtered by their state', async ({ page, person }) => {
  await person.hasKey('active')
  const { id } = await person.hasKey('disabled')
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { enabled: false })
  await person.hadKey('expired')
  await openKeys(page)
  const filter = page.getByRole('combobox', { name: 'Status' })
  for (const [label, wanted] of [['Active', 'active'], ['Disabled', 'disabled'], ['Expired', 'expired']]) {
    await filter.selectOption({ label })
    await shows(page, [wanted])
    assert.match(page.url(), /status=/)
  }
  await page.goBack()
  await shows(page, ['disabled'])
})

item(28, 'more than 25 keys come in pages, by keyboard and by Back', async ({ page, person }) => {
  for (let number = 1; number <= 52; number += 1) await person.hasKey(`key ${number}`)
  await openKeys(page)
  const pages = page.getByRole('navigation', { name: 'Pages' })
  await pages.getByText('1–25 of 52').waitFor()
  assert.equal(await rows(page).count(), 25)
  await button(pages, 'Next').focus()
  await page.keyboard.press('Enter')
  await pages.getByText('26–50 of 52').waitFor()
  await page.keyboard.press('Enter')
  await pages.getByText('51–52 of 52').waitFor()
  assert.deepEqual(await names(page), ['key 2', 'key 1'])
  assert.equal(await button(pages, 'Next').getAttribute('aria-disabled'), 'true')
  await page.goBack()
  await pages.getByText('26–50 of 52').waitFor()
  await page.reload()
  await pages.getByText('26–50 of 52').waitFor()
})

item(29, 'a key not used for 90 days stands out, and a filter finds it', async ({ page, person }) => {
  await person.hasKey('Old')
  await later(page, 91 * 24 * 60)
  await openKeys(page)
  await row(page, 'Old').locator('.used.soon').getByRole('button', { name: 'Never' }).click()
  await page.getByRole('tooltip').getByText('Not used in 90 days.').waitFor()
  await person.hasKey('New')
  await page.getByRole('combobox', { name: 'Status' }).selectOption({ label: 'Unused 90 days' })
  await shows(page, ['Old'])
  assert.equal(await question(page).count() + await dialog(page).count(), 0, 'no dialog nags')
})

item(29, 'a key used within 90 days does not', async ({ page, person }) => {
  await person.uses(await person.hasKey('Used'))
  await later(page, 89 * 24 * 60)
  await openKeys(page)
  await row(page, 'Used').waitFor()
  assert.equal(await row(page, 'Used').locator('.used.soon').count(), 0)
})

item(30, 'the details of a key hold its id to copy, its times, who made it from where, and its events', async ({ page, person }) => {
  const { id, keyPrefix } = await person.hasKey('Production', { expiresAt: inDays(30) })
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { enabled: false })
  await person.hasKey('Another')
  await openKeys(page)
  await chooseAction(page, 'Production', 'Details')
  await dialog(page).getByRole('heading', { name: 'Production' }).waitFor()
  await dialog(page).getByRole('row', { name: /Created/ }).waitFor()
  const text = await dialog(page).textContent()
  for (const part of [id, keyPrefix, 'Live', 'Disabled', 'Never', '127.0.0.1', 'You']) assert.ok(text.includes(part), part)
  assert.equal(await dialog(page).locator('tbody').getByRole('row').count(), 2, 'its own events alone')
  await dialog(page).getByRole('button', { name: 'Copy ID' }).click()
  await eventually(async () => assert.equal(await clipboard(page), id))
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
})

item(30, 'the details of a key are whole however much else was done', async ({ page, person }) => {
  const old = await person.hasKey('Production')
  const other = await person.hasKey('other')
  const { id } = await person.json('POST', `/api/v1/api-keys/${old.id}/rotate`, {})
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { name: 'Renamed' })
  for (let turn = 0; turn < 201; turn += 1) await person.json('PATCH', `/api/v1/api-keys/${other.id}`, { enabled: turn % 2 === 1 })
  await openKeys(page)
  await chooseAction(page, 'Renamed', 'Details')
  const told = dialog(page).locator('tbody').getByRole('row')
  await eventually(async () => assert.equal(await told.count(), 2))
  assert.match(await told.nth(0).textContent(), /Renamed “Production” to “Renamed”/)
  assert.match(await told.nth(1).textContent(), /Issued in the place of “Production”/)
  assert.match(await dialog(page).textContent(), /Created byYou from 127\.0\.0\.1/)

  await page.goto(`/account/activity?key=${id}`)
  const words = await page.locator('tbody').getByRole('rowheader').allTextContents()
  assert.deepEqual(words.map(it => it.trim()), ['Renamed “Production” to “Renamed”', 'Issued in the place of “Production”'])
  const lines = await exported(page)
  assert.equal(lines.length, 3, 'its own events alone')
  assert.match(lines[1], /"key\.changed".*"Renamed","sk_.*","name: Production → Renamed"/)
})

item(31, 'the activity log says what was changed, and to when', async ({ page, person }) => {
  const { id, keyPrefix } = await person.hasKey('A')
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { name: 'B', expiresAt: '2999-12-05T12:00:00Z' })
  await person.json('DELETE', `/api/v1/api-keys/${id}`)
  await page.goto('/account/activity')
  const words = page.locator('tbody').getByRole('rowheader')
  assert.equal((await words.nth(0).textContent()).trim(), 'Revoked “B”')
  await eventually(async () => assert.match(await words.nth(1).textContent(), /Renamed “A” to “B”\s*Expiry of “B” set to .*Dec 5, 2999/))
  assert.match(await page.locator('tbody').getByRole('row').first().textContent(), new RegExp(keyPrefix))
})

item(31, 'the activity log tells who did what, when and from where', async ({ page, person }) => {
  const created = await person.hasKey('Production')
  await person.json('PATCH', `/api/v1/api-keys/${created.id}`, { enabled: false })
  await person.json('PATCH', `/api/v1/api-keys/${created.id}`, { enabled: true })
  await person.json('POST', `/api/v1/api-keys/${created.id}/rotate`, {})
  await person.json('DELETE', `/api/v1/api-keys/${created.id}`)
  await page.goto('/account/activity')
  const actions = await page.locator('tbody').getByRole('rowheader').allTextContents()
  assert.deepEqual(actions.map(it => it.trim()),
    ['Revoked “Production”', 'Rotated “Production”', 'Enabled “Production”', 'Disabled “Production”', 'Created “Production”', 'Account created'])
  const first = page.locator('tbody').getByRole('row').first()
  assert.match(await first.textContent(), /You.*127\.0\.0\.1/s)
  assert.equal(await first.locator('time').count(), 1)
})

item(31, 'the activity log goes back page by page', async ({ page, person }) => {
  for (let number = 0; number < 60; number += 1) await person.hasKey(`key ${number}`)
  await page.goto('/account/activity')
  assert.equal(await rows(page).count(), 50)
  await page.getByRole('link', { name: 'Older' }).click()
  await page.waitForURL(/before=/)
  assert.equal(await rows(page).count(), 11)
  await page.getByText('Account created').waitFor()
})

item(31, 'the activity log is exported as CSV, with nothing a spreadsheet would run', async ({ page, person, server }) => {
  await fetch(`${server.url}/api/v1/api-keys`, {
    method: 'POST',
    headers: { cookie: `session=${person.session}`, 'content-type': 'application/json', 'user-agent': `x;=HYPERLINK("http://evil","a");@b` },
    body: '{"name":"Production"}',
  })
  await page.goto('/account/activity')
  const lines = await exported(page)
  assert.equal(lines.length, 3)
  assert.match(lines[0].toLowerCase(), /action/)
  assert.match(lines[1], /key\.created.*HYPERLINK/)
  for (const cell of lines.flatMap(line => line.split(/[,;]/))) assert.doesNotMatch(cell, /^"?[=+@-]/)
})

/** The lines of the file that the button saves. */
async function exported(page) {
  const downloading = page.waitForEvent('download')
  await button(page, 'Export CSV').click()
  const download = await downloading
  assert.match(download.suggestedFilename(), /\.csv$/)
  const chunks = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8').replace(/^\ufeff/, '').trim().split(/\r?\n/)
}
