// The first page of the list is drawn by the server, later ones by scripts: both show the same.
import { strict as assert } from 'node:assert'

import { eventually, item, test } from './harness.mjs'
import { ALL_KEYS, KEYS, button, copyAndClose, create, dialog, openCreate, openKeys, rows } from './steps.mjs'

const DAY = 24 * 60 * 60_000
const inDays = days => new Date(Date.now() + days * DAY + 30_000).toISOString()

const NAMES = [
  'Key 10', 'Key 9', 'key 010', 'KEY 1', 'Key', '10', '9', '0009', 'Zürich', 'zurich', 'ZU\u0308RICH 2', 'Straße', 'STRASSE', '\ufb01n', '\u{1f600} face',
  '<b>bold</b> & \'quoted\' "twice"', '&amp;', '\u00c9', 'e\u0301', 'i', '\u0130', '\u0131', '_x', '~x', 'x\u00b2', 'x2', '\u2460', '\u05d0\u05d1', '\u06a9\u0644\u06cc\u062f',
  '\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2', '\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3', '\u043a\u043b\u044e\u0447 \u0439', '\u65e5\u672c 2', '\u65e5\u672c 10', '\ud55c\uad6d', '\u0e01\u0e47',
  '\uff46\uff55\uff4c\uff4c', 'a  b', '\u{10400}', '\ue000', 'Production', 'production',
]
const QUERIES = ['', '?page=2', '?page=3', '?page=99', '?page=0', '?sort=nonsense&order=up&status=x&environment=y', '?theirs=1&q=',
  ...['created', 'name', 'used', 'expires', 'calls'].flatMap(sort => ['', '&order=asc', '&order=desc', '&page=2'].map(rest => `?sort=${sort}${rest}`)),
  ...['active', 'disabled', 'expiring', 'expired', 'replaced', 'unused'].map(status => `?status=${status}`),
  '?environment=test', '?environment=live&sort=name', '?environment=test&status=disabled',
  ...['zur', 'ZÜRICH', 'strasse', 'key', ' key 1 ', 'fin', 'σισυφοσ', '²', '2', 'full', 'e', 'i', '<b>', '&', '%', '日本', 'sk_live', 'SK_TEST_', 'nothing', 'a b', 'й', '\u3000', '\u0308']
    .map(q => `?${new URLSearchParams({ q })}`)]

/** What somebody sees of the list in `root`. */
function seen(root) {
  const words = it => {
    const copy = it?.cloneNode(true)
    for (const label of copy?.querySelectorAll('button .visually-hidden') ?? []) label.remove()
    return copy?.textContent.replace(/\s+/g, ' ').trim() ?? null
  }
  // Scripts write times in the reader's zone.
  const untimed = it => {
    const copy = it.cloneNode(true)
    for (const time of copy.querySelectorAll('time')) time.textContent = Date.parse(time.dateTime)
    return words(copy)
  }
  const cell = it => [it.classList[0], it.classList.contains('soon'), it.getAttribute('data-label'), words(it)]
  const row = it => ({
    isOff: it.classList.contains('off'),
    cells: [...it.querySelectorAll(':scope > :is(.name, .key, .created, .used, .calls, .expires, .status)')].map(cell),
    tone: it.querySelector('.state')?.className.trim(),
    switch: [...it.querySelectorAll('.switch')].map(it => it.classList.contains('on') || it.getAttribute('aria-checked') === 'true'),
    times: [...it.querySelectorAll('time')].map(it => Date.parse(it.dateTime)),
  })
  const table = root.querySelector('table.keys')
  return {
    rows: [...root.querySelectorAll('table.keys tbody tr')].map(row),
    sorted: table && [...table.querySelectorAll('thead th[aria-sort]')].map(it => [words(it), it.getAttribute('aria-sort')]),
    range: [...root.querySelectorAll('.pages')].filter(it => !it.hidden).map(it => words(it.querySelector('.range'))).join(),
    blank: words(root.querySelector('.blank p')),
    q: root.querySelector('input[type=search]')?.value,
    chosen: [...root.querySelectorAll('.toolbar select')].map(it => words(it.selectedOptions[0])),
    leaked: [...root.querySelectorAll('.leaked p')].map(untimed),
    count: [...root.querySelectorAll('.count')].filter(it => !it.hidden).map(words).join(),
    limit: words([...root.querySelectorAll('.panel > .notice.warn')].find(it => !it.hidden)),
  }
}

const byScripts = page => page.evaluate(`(${seen})(document.querySelector('api-keys-panel').shadowRoot)`)
const byServer = async (person, parser, query) => parser.evaluate(
  ([seen, html]) => new Function('root', `return (${seen})(root)`)(new DOMParser().parseFromString(html, 'text/html').querySelector('api-keys-panel')),
  [`${seen}`, await (await person.call('GET', KEYS + query)).text()])

const go = (page, query) => page.evaluate(address => {
  history.pushState(null, '', address)
  dispatchEvent(new PopStateEvent('popstate'))
}, KEYS + query)

async function hasKeys(person) {
  const made = []
  for (const [at, name] of NAMES.entries()) {
    const expiresAt = [null, inDays(3), inDays(30), inDays(400), null][at % 5]
    made.push(await person.hasKey(name, { environment: at % 3 ? 'live' : 'test', ...(expiresAt && { expiresAt }) }))
  }
  const [a, b, c, d, e, f] = made
  await person.json('PATCH', `/api/v1/api-keys/${a.id}`, { enabled: false })
  await person.json('PATCH', `/api/v1/api-keys/${b.id}`, { enabled: false })
  await person.json('POST', `/api/v1/api-keys/${c.id}/rotate`, { overlapSeconds: 86_400 + 90 * 60 })
  await person.json('POST', `/api/v1/api-keys/${d.id}/rotate`, { overlapSeconds: 30 * 86_400 })
  const { id } = await person.json('POST', `/api/v1/api-keys/${e.id}/rotate`, { overlapSeconds: 3_600 })
  await person.json('DELETE', `/api/v1/api-keys/${id}`)
  await person.uses(f)
  assert.equal(await person.verify(made[30].key), 200)
  await person.uses(made[20])
  await person.hadKey('Gone')
  await person.leaks(await person.hasKey('Leaked <b>'))
}

item(72, 'what the server draws of the list is what scripts draw, for every view', async ({ page, person }) => {
  await hasKeys(person)
  await openKeys(page)
  await page.waitForLoadState('networkidle')
  const parser = await page.context().newPage()
  await parser.goto('about:blank')
  for (const query of QUERIES) {
    await go(page, query)
    // Once more where a minute ends between the two.
    await eventually(async () => assert.deepEqual(await byScripts(page), await byServer(person, parser, query), query))
  }
  assert.ok((await byServer(person, parser, '?q=zur')).rows.length >= 3, 'without accents')
}, { settings: { LATCHKEY_MAX_KEYS_PER_OWNER: '44' } })

item(72, 'names are in the same order in every language of the reader', async ({ page, person }) => {
  for (const name of ['\u00c4rger', 'Zebra', 'Apfel', '\u00e5', 'a10', 'a9']) await person.hasKey(name)
  await openKeys(page, '?sort=name')
  const names = await page.locator('tbody').getByRole('rowheader').locator('bdi').allTextContents()
  assert.deepEqual(names, ['\u00e5', 'a9', 'a10', 'Apfel', '\u00c4rger', 'Zebra'])
}, { context: { locale: 'sv-SE' } })

item(72, 'of many keys a page brings those of its view, works with them, and asks for the others', async ({ page, person }) => {
  for (let number = 1; number <= 60; number += 1) await person.hasKey(`Key ${number}`)
  const html = await (await person.call('GET', `${KEYS}?sort=name&page=2`)).text()
  assert.ok(html.length < 70_000, `${html.length} bytes`)
  assert.equal(html.match(/<tr/g).length, 26)
  assert.ok(!html.includes('Key 60'), 'a key of another page')
  let release
  const held = new Promise(done => { release = done })
  await page.route(ALL_KEYS, async route => {
    if (route.request().method() === 'GET') await held
    return route.continue()
  })
  await openKeys(page, '?sort=name&page=2')
  assert.equal(await rows(page).count(), 25)
  await page.getByText('26–50 of 60').waitFor()
  await openCreate(page)
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
  await page.getByRole('searchbox').fill('Key 60')
  await page.getByText('Loading API keys…').waitFor()
  release()
  await eventually(async () => assert.deepEqual(await page.locator('tbody bdi').allTextContents(), ['Key 60']))
  await page.getByRole('searchbox').fill('')
  await create(page, 'Another')
  await copyAndClose(page)
  await eventually(async () => assert.match(await page.locator('.range').textContent(), / of 61$/))
})

test('the size of the page does not grow with the number of keys', async ({ person }) => {
  const size = async () => (await (await person.call('GET', KEYS)).text()).length
  for (let number = 1; number <= 30; number += 1) await person.hasKey(`Key ${number}`)
  const some = await size()
  for (let number = 31; number <= 99; number += 1) await person.hasKey(`Key ${number}`)
  const many = await size()
  assert.ok(Math.abs(many - some) < 500 && many < 70_000, `${some}, ${many}`)
})

item(39, 'without JavaScript the pages of the list are links', async ({ page, person }) => {
  for (let number = 1; number <= 30; number += 1) await person.hasKey(`Key ${number}`)
  await page.goto(`${KEYS}?sort=name`)
  await page.getByRole('link', { name: 'Next' }).click()
  await page.waitForURL(/\?sort=name&page=2$/)
  assert.equal(await page.locator('tbody tr').count(), 5)
  await page.getByRole('link', { name: 'Previous' }).click()
  await page.waitForURL(/\?sort=name$/)
}, { context: { javaScriptEnabled: false } })

item(73, 'search looks past accents and case, and finds an id', async ({ page, person }) => {
  const { id } = await person.hasKey('Zürich')
  await person.hasKey('Other')
  await openKeys(page)
  for (const q of ['zurich', 'ZÜR', id, id.slice(-12)]) {
    await page.getByRole('searchbox').fill(q)
    await eventually(async () => assert.deepEqual(await page.locator('tbody bdi').allTextContents(), ['Zürich']))
  }
})

item(73, 'keys are sorted by their end, and those that end soon are found', async ({ page, person }) => {
  await person.hasKey('Never')
  await person.hasKey('Later', { expiresAt: inDays(30) })
  await person.hasKey('Soon', { expiresAt: inDays(3) })
  await openKeys(page)
  const shows = wanted => eventually(async () => assert.deepEqual(await page.locator('tbody bdi').allTextContents(), wanted))
  await page.getByRole('columnheader', { name: 'Expires' }).getByRole('button').click()
  await shows(['Soon', 'Later', 'Never'])
  await page.getByRole('columnheader', { name: 'Expires' }).getByRole('button').click()
  await shows(['Never', 'Later', 'Soon'])
  await page.getByRole('combobox', { name: 'Status' }).selectOption({ label: 'Expires soon' })
  await shows(['Soon'])
})

item(73, 'a name that there is already is pointed out, and taken all the same', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await openCreate(page)
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('PRODUCTION ')
  await dialog(page).getByText('You already have a key with this name.').waitFor()
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('Production 2')
  await dialog(page).getByText('For example').waitFor()
})

item(15, 'a key that can’t be rotated says why', async ({ page, person }) => {
  const { id } = await person.hasKey('Off')
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { enabled: false })
  await openKeys(page)
  await button(page, 'Actions for Off').click()
  const rotate = page.getByRole('menuitem', { name: 'Rotate… Enable the key first.' })
  assert.equal(await rotate.getAttribute('aria-disabled'), 'true')
  await rotate.click({ force: true })
  assert.equal(await dialog(page).count(), 0)
  await page.keyboard.press('Escape')
  await page.getByRole('menuitem').first().waitFor({ state: 'detached' })
})

item(14, 'the switch shows that it is at work', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  let release
  const held = new Promise(done => { release = done })
  await page.route('**/api/v1/api-keys/*', async route => { await held; return route.continue() })
  const it = page.getByRole('switch')
  await it.click()
  await eventually(async () => assert.ok(Number(await it.evaluate(it => getComputedStyle(it).opacity)) < 1))
  release()
  await eventually(async () => assert.equal(await it.getAttribute('aria-checked'), 'false'))
  assert.equal(await it.evaluate(it => getComputedStyle(it).opacity), '1')
})
