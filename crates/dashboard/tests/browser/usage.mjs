// How much keys are used, why calls were refused, and what that says after a key was created or rotated.
import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { operatorAndAda } from './states_shown.mjs'
import { button, chooseAction, copyAndClose, create, dialog, isFocused, later, openKeys, row, rows } from './steps.mjs'

const cell = (page, name, column) => row(page, name).locator(`td.${column}`)
const period = page => page.getByRole('combobox', { name: 'Period' })
const chart = page => page.getByRole('img', { name: /^Accepted calls above the line/ })

/** Waits until what was counted can be read. */
async function counted(person, { id }, { accepted = 0, refused = 0 }) {
  for (let tries = 0; ; tries += 1) {
    const { items } = await person.json('GET', `/api/v1/api-keys/${id}/usage`)
    const sum = numbers => numbers.reduce((all, number) => all + number, 0)
    const seen = [sum(items.map(it => it.accepted)), sum(items.flatMap(it => Object.values(it.refused)))]
    if (seen[0] >= accepted && seen[1] >= refused) return
    assert.ok(tries < 800, `${seen}`)
    await new Promise(then => setTimeout(then, 100))
  }
}

/** Calls with a key, and the request id of the last answer. */
async function calls(server, { key }, times = 1) {
  let id
  for (let time = 0; time < times; time += 1) {
    const answer = await fetch(`${server.url}/api/v1/verify`, { headers: { 'x-api-key': key } })
    id = answer.headers.get('x-request-id')
  }
  return id
}

async function hasUsedKeys({ person, server }, { refusals = false } = {}) {
  await person.hasKey('Idle')
  const limited = await person.hasKey('Limited', { limits: [{ limit: 2, every: 'month' }] })
  const busy = await person.hasKey('Busy', { credits: 100 })
  await calls(server, busy, 5)
  const refused = await calls(server, limited, 3)
  await counted(person, busy, { accepted: 5 })
  // Refusals are written once a minute.
  await counted(person, limited, { accepted: 2, refused: refusals ? 1 : 0 })
  return { busy, limited, refused }
}

item(32, 'a row has the calls of today and a line of 30 days, and the list is sorted by them', async window => {
  const { page } = window
  await hasUsedKeys(window)
  await openKeys(page)
  assert.equal(await cell(page, 'Busy', 'calls').textContent(), '5 today, 5 in the last 30 days')
  assert.equal(await cell(page, 'Idle', 'calls').textContent(), '0 today, 0 in the last 30 days')
  assert.match(await cell(page, 'Busy', 'calls').locator('path').getAttribute('d'), /L112 18L116 2$/)
  const names = () => page.locator('tbody').getByRole('rowheader').locator('bdi').allTextContents()
  await page.getByRole('columnheader', { name: 'Calls' }).getByRole('button').click()
  await eventually(async () => assert.deepEqual(await names(), ['Busy', 'Limited', 'Idle']))
  assert.match(page.url(), /sort=calls/)
  await page.getByRole('columnheader', { name: 'Calls' }).getByRole('button').click()
  await eventually(async () => assert.deepEqual(await names(), ['Idle', 'Limited', 'Busy']))
})

item(32, 'a change of a key keeps its line', async window => {
  const { page, person, server } = window
  const busy = await person.hasKey('Busy')
  await calls(server, busy, 2)
  await counted(person, busy, { accepted: 2 })
  await openKeys(page)
  await row(page, 'Busy').getByRole('switch').click()
  await eventually(async () => assert.equal(await row(page, 'Busy').getByRole('switch').getAttribute('aria-checked'), 'false'))
  assert.match(await cell(page, 'Busy', 'calls').textContent(), /^2 today/)
})

item([83, 84], 'details show what was accepted and refused by day and by hour, the reasons, a table and the last refused calls, and explain one by its request id', async window => {
  const { page } = window
  const { refused } = await hasUsedKeys(window, { refusals: true })
  await openKeys(page)
  await chooseAction(page, 'Limited', 'Details')
  await dialog(page).getByText('2 accepted', { exact: true }).waitFor()
  await dialog(page).getByText('1 refused', { exact: true }).waitFor()
  await dialog(page).getByText('Limit reached: 1').first().waitFor()
  assert.equal(await chart(page).locator('g').count(), 30)
  assert.deepEqual([await chart(page).locator('.accepted').count(), await chart(page).locator('.refused').count()], [1, 1])
  await dialog(page).getByText('Show as a table').click()
  const cells = dialog(page).locator('.figures tbody').getByRole('row').first().getByRole('cell')
  assert.deepEqual((await cells.allTextContents()).slice(1), ['2', '2', 'Limit reached: 1'])
  await period(page).selectOption({ label: 'Last 48 hours' })
  await eventually(async () => assert.equal(await chart(page).locator('g').count(), 48))
  await period(page).selectOption({ label: 'Last 90 days' })
  await eventually(async () => assert.equal(await chart(page).locator('g').count(), 90))
  const list = dialog(page).getByRole('table', { name: 'Last refused calls' })
  await list.getByText(refused).waitFor()
  assert.match(await list.getByRole('row').nth(1).textContent(), /Limit reached.*127\.0\.0\.1/s)
  const field = dialog(page).getByRole('textbox', { name: 'Why was this request refused?' })
  await field.fill(` x-request-id: ${refused} `)
  await page.keyboard.press('Enter')
  await dialog(page).getByRole('status').getByText('A limit of the key or of the account was used up.').waitFor()
  assert.ok(await isFocused(field))
  await field.fill('019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d')
  await button(dialog(page), 'Explain').click()
  await dialog(page).getByRole('status').getByText('This request is not among').waitFor()
})

item(83, 'details show the credits that are left beside what was used', async window => {
  const { page } = window
  await hasUsedKeys(window)
  await openKeys(page)
  await chooseAction(page, 'Busy', 'Details')
  const meter = dialog(page).getByRole('meter', { name: /credits left, 5 used in this time/ })
  await meter.waitFor()
  const [max, value] = [await meter.getAttribute('max'), await meter.getAttribute('value')].map(Number)
  assert.ok(value <= 95 && max === value + 5, `${value} of ${max}`)
})

item(83, 'a key that nobody called says so, and a failure has a way to try again', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  let isDown = true
  await page.route('**/usage?*', route => isDown ? route.abort() : route.continue())
  await chooseAction(page, 'Production', 'Details')
  await dialog(page).getByText('Can’t reach the server').waitFor()
  await dialog(page).getByText('No call was refused.').waitFor()
  isDown = false
  await button(dialog(page), 'Retry').click()
  await dialog(page).getByText('No calls in this time.').waitFor()
}, { expected: [/ERR_FAILED/] })

item(85, 'the reveal waits for the first request, and says when it came', async ({ page, person }) => {
  await openKeys(page)
  const key = await create(page, 'Production')
  await dialog(page).getByText('Waiting for the first request…').waitFor()
  assert.equal(await person.verify(key), 200)
  await dialog(page).getByText('First request received').waitFor({ timeout: 75_000 })
  assert.equal(await dialog(page).getByText('Waiting for the first request…').count(), 0)
  await copyAndClose(page)
  let asked = 0
  page.on('request', request => { if (/api-keys\/[^/?]+$/.test(request.url())) asked += 1 })
  await page.waitForTimeout(3_500)
  assert.equal(asked, 0, 'nobody asks any more')
})

item(85, 'a reveal that is left asks no more', async ({ page }) => {
  await openKeys(page)
  await create(page, 'Production')
  await copyAndClose(page)
  let asked = 0
  page.on('request', request => { if (/api-keys\/[^/?]+$/.test(request.url())) asked += 1 })
  await page.waitForTimeout(3_500)
  assert.equal(asked, 0)
})

item(86, 'an old key is still used until it falls silent, and then safe to revoke', async ({ page, person }) => {
  const old = await person.hasKey('Production')
  await person.json('POST', `/api/v1/api-keys/${old.id}/rotate`, { overlapSeconds: 86_400 })
  await openKeys(page)
  const line = page.locator('.relation', { hasText: 'Replaced by' })
  await line.waitFor()
  assert.doesNotMatch(await line.textContent(), /used|Safe/, 'nobody can say yet')
  await person.uses(old)
  await openKeys(page)
  await line.getByText('Still used, last call just now').waitFor()
  await later(page, 50)
  await openKeys(page)
  await line.getByText('Still used, last call 50m ago').waitFor()
  await page.unrouteAll()
  await later(page, 61)
  await openKeys(page)
  await line.getByText('Safe to revoke').waitFor()
})

item(87, 'operators see the usage of a key and its refused calls, and the lines of all keys', async window => {
  const { page, server } = window
  const { ada, key, owner } = await operatorAndAda(window)
  await calls(server, key, 3)
  await ada.json('PATCH', `/api/v1/api-keys/${key.id}`, { enabled: false })
  const refused = await calls(server, key)
  await counted(ada, key, { accepted: 3, refused: 1 })
  await page.goto(`/operator?q=${encodeURIComponent(ada.email)}`)
  await rows(page).getByText('3 today').waitFor()
  await page.getByRole('link', { name: 'Ada’s laptop' }).click()
  await page.getByText('3 accepted', { exact: true }).waitFor()
  await page.getByText('Disabled: 1').first().waitFor()
  await page.getByRole('textbox', { name: 'Why was this request refused?' }).fill(refused)
  await page.keyboard.press('Enter')
  await page.getByRole('status').getByText('The key was disabled.').waitFor()
  await page.goto(`/operator/owners/${owner}`)
  await page.getByText('3 accepted', { exact: true }).waitFor()
  await rows(page).filter({ hasText: 'Ada’s laptop' }).getByText('3 today').waitFor()
  assert.equal(await chart(page).locator('g').count(), 30)
})

const USAGE = '/account/usage'
const keyNames = page => page.getByRole('table', { name: 'Keys by use' }).getByRole('rowheader').locator('bdi').allTextContents()

item(88, 'a page shows the usage of all keys together, and the keys by use with a way to their details', async window => {
  const { page } = window
  await hasUsedKeys(window)
  await page.goto(USAGE)
  await page.getByText('7 accepted', { exact: true }).waitFor()
  assert.equal(await chart(page).locator('g').count(), 30)
  await page.getByText('Show as a table').click()
  const cells = page.locator('.figures tbody').getByRole('row').first().getByRole('cell')
  assert.deepEqual((await cells.allTextContents()).slice(1, 3), ['7', '7'])
  await period(page).selectOption({ label: 'Last 48 hours' })
  await eventually(async () => assert.equal(await chart(page).locator('g').count(), 48))
  await page.getByText('7 accepted', { exact: true }).waitFor()
  assert.deepEqual(await keyNames(page), ['Busy', 'Limited', 'Idle'])
  const busy = rows(page).filter({ hasText: 'Busy' })
  assert.equal(await busy.getByRole('cell').nth(2).textContent(), '5')
  await busy.getByText('5 today').waitFor()
  await page.getByRole('link', { name: 'Busy' }).click()
  await dialog(page).getByRole('heading', { name: 'Busy' }).waitFor()
  await page.goBack()
  await page.getByRole('heading', { name: 'Keys by use' }).waitFor()
})

/** What the drawing of calls shows, but for how days are written. */
function drawnIn(figures) {
  for (const title of figures.querySelectorAll('title')) title.textContent = title.textContent.replace(/^[^:]*/, 'a day')
  for (const day of figures.querySelectorAll('figcaption span:not(:nth-child(2)), td:first-child div')) day.textContent = 'a day'
  // Names for the page around a panel.
  for (const part of figures.querySelectorAll('[part]')) part.removeAttribute('part')
  return figures.innerHTML.replace(/\s*\n\s*/g, '')
}

item([39, 88], 'what the server draws of usage is what scripts draw, without asking for it', async window => {
  const { page, person, watch } = window
  await hasUsedKeys(window, { refusals: true })
  const { length } = watch.requests
  await page.goto(USAGE)
  await period(page).waitFor()
  const byScripts = await page.evaluate(`(${drawnIn})(document.querySelector('.figures'))`)
  assert.deepEqual(watch.requests.slice(length).filter(url => new URL(url).pathname.startsWith('/api/')), [])
  const html = await (await person.call('GET', USAGE)).text()
  const parser = await page.context().newPage()
  await parser.goto('about:blank')
  const byServer = await parser.evaluate(
    ([drawn, html]) => new Function('figures', `return (${drawn})(figures)`)(new DOMParser().parseFromString(html, 'text/html').querySelector('.figures')), [`${drawnIn}`, html])
  assert.equal(byScripts, byServer)
  assert.match(byServer, /7 accepted.*1 refused.*class="refused".*Limit reached: 1.*<td.*Limit reached: 1/)
})

item([39, 88], 'without JavaScript the usage is read', async window => {
  const { page } = window
  await hasUsedKeys(window)
  await page.goto(USAGE)
  await page.getByText('7 accepted', { exact: true }).waitFor()
  await chart(page).waitFor()
  assert.deepEqual(await keyNames(page), ['Busy', 'Limited', 'Idle'])
  assert.equal(await page.getByRole('combobox').count(), 0)
}, { context: { javaScriptEnabled: false } })

item(88, 'before the first call the page says what to do', async ({ page, person }) => {
  await page.goto(USAGE)
  await page.getByRole('heading', { name: 'No calls yet' }).waitFor()
  await page.getByText(/^Create an API key and call the API with it/).waitFor()
  await person.hasKey('Production')
  await page.reload()
  await page.getByText(/^Call the API with one of your API keys/).waitFor()
  assert.equal(await page.getByRole('table').count(), 0)
  await page.getByRole('link', { name: 'Go to API keys' }).click()
  await row(page, 'Production').waitFor()
})

item(89, 'operators sort the keys of an owner by use, and those that were revoked stand apart', async window => {
  const { page, server } = window
  const { ada, key, owner } = await operatorAndAda(window)
  const busy = await ada.hasKey('Busy')
  await ada.hasKey('Idle')
  const gone = await ada.hasKey('Gone')
  await calls(server, key)
  await calls(server, busy, 3)
  await counted(ada, key, { accepted: 1 })
  await counted(ada, busy, { accepted: 3 })
  await ada.json('DELETE', `/api/v1/api-keys/${gone.id}`)
  const keys = page.locator('section', { has: page.getByRole('heading', { name: 'Keys', exact: true }) }).getByRole('table')
  const names = () => keys.first().getByRole('rowheader').locator('bdi').allTextContents()
  const header = keys.first().getByRole('columnheader', { name: 'Calls' })
  await page.goto(`/operator/owners/${owner}`)
  assert.deepEqual(await names(), ['Idle', 'Busy', 'Ada’s laptop'])
  for (const [order, expected] of [['descending', ['Busy', 'Ada’s laptop', 'Idle']], ['ascending', ['Idle', 'Ada’s laptop', 'Busy']]]) {
    await header.getByRole('link').click()
    await eventually(async () => assert.equal(await header.getAttribute('aria-sort'), order))
    assert.deepEqual(await names(), expected)
  }
  await page.getByRole('heading', { name: 'Revoked in the last 90 days' }).waitFor()
  assert.match(await keys.nth(1).textContent(), /Gone/)
  assert.equal(await keys.nth(1).getByRole('link', { name: 'Calls' }).count(), 0)
  await page.setViewportSize({ width: 320, height: 640 })
  await header.getByRole('link').click()
  await page.waitForURL(/sort=calls$/)
  await page.goto('/operator')
  assert.equal(await page.getByRole('columnheader', { name: 'Calls' }).getByRole('link').count(), 0, 'where a page of the list is shown')
})
