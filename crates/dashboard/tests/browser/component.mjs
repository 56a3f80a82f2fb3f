// The panel as a component of somebody else's page, on another origin: attributes, slots, parts, events, methods.
import { strict as assert } from 'node:assert'

import { eventually, item, test } from './harness.mjs'
import { ALL_KEYS, button, chooseAction, copyAndClose, create, createButton, dialog, nameField, openCreate, question, row, rows } from './steps.mjs'

const trusted = site => ({ LATCHKEY_TRUSTED_ORIGINS: site.url })
const options = { site: {}, settings: trusted }

/** Opens a page of the site that holds the panel. */
async function open(page, server, site, { attributes = '', inside = '', style = '', script = '' } = {}) {
  site.pages['/'] = `<!doctype html><meta name="viewport" content="width=device-width"><title>Keys</title><style>body { font-family: serif } ${style}</style>
    <api-keys-panel api-base="${server.url}" ${attributes}>${inside}</api-keys-panel>
    <script>globalThis.panel = document.querySelector('api-keys-panel'); ${script}</script>
    <script type="module" src="${server.url}/embed/api-keys-panel.js"></script>`
  await page.goto(site.url)
  await createButton(page).first().waitFor()
}

const set = (page, attributes) => page.evaluate(all => {
  for (const [name, value] of Object.entries(all)) {
    if (value === null) globalThis.panel.removeAttribute(name)
    else globalThis.panel.setAttribute(name, value)
  }
}, attributes)

/** Keeps what the panel tells its page. */
const hear = (page, ...events) => page.evaluate(names => {
  globalThis.heard = []
  for (const name of names) addEventListener(`api-keys-${name}`, ({ detail }) => globalThis.heard.push([name, detail]))
}, events)
const heard = page => page.evaluate(() => globalThis.heard)

item(54, 'the request of the page stands in the code with a new key, and a bad one does not take the key away', async ({ page, server, site, watch }) => {
  await open(page, server, site, { attributes: `example-request='POST https://api.example.com/v1/shots {"url":"https://example.com"}' brand-name="Peek Shot"` })
  const code = dialog(page).getByRole('tabpanel')
  await create(page, '鍵')
  assert.equal(await code.innerText(), `curl -X POST https://api.example.com/v1/shots \\
  -H "x-api-key: $PEEK_SHOT_API_KEY" \\
  -H 'content-type: application/json' \\
  -d '{"url":"https://example.com"}'`)
  await copyAndClose(page)
  for (const [attributes, url] of [[{ 'example-request': 'FETCH it' }, server.url], [{ 'example-request': null, 'public-url': 'http://[' }, server.url]]) {
    await set(page, attributes)
    const key = await create(page, 'Staging')
    assert.match(key, /^sk_live_/)
    assert.ok((await code.innerText()).includes(`${url}/api/v1/verify`))
    await copyAndClose(page)
  }
  assert.deepEqual(watch.complaints.map(it => /\[api-keys-panel\] (\S+) is wrong/.exec(it)?.[1]), ['example-request', 'public-url'])
}, { ...options, expected: [/\[api-keys-panel\]/] })

item(55, 'attributes leave parts out, and the panel follows when they change', async ({ page, person, server, site }) => {
  for (const name of ['One', 'Two', 'Three']) await person.hasKey(name)
  await open(page, server, site, { attributes: 'hide-header per-page="2" environments="off" expiry="off" heading-level="3"' })
  await row(page, 'Three').waitFor()
  assert.equal(await rows(page).count(), 2)
  // Playwright takes the element's own level.
  const heading = page.locator('h2[aria-level="3"]')
  const width = async () => (await heading.locator('..').boundingBox()).width
  assert.equal(await width(), 1, 'hidden, but not from screen readers')
  assert.equal(await page.getByRole('combobox', { name: 'Environment' }).count(), 0)
  assert.equal(await page.getByRole('columnheader', { name: 'Expires' }).count(), 0)
  await button(page, 'Actions for Three').click()
  assert.equal(await page.getByRole('menuitem', { name: 'Change expiry…' }).count(), 0)
  await page.keyboard.press('Escape')
  await openCreate(page)
  assert.equal(await dialog(page).getByRole('radio').count(), 0)
  assert.equal(await dialog(page).getByRole('combobox').count(), 0)
  await nameField(page).fill('Four')
  await set(page, { 'hide-header': null, 'per-page': '50', environments: null, expiry: null, limit: '4' })
  await eventually(async () => assert.equal(await rows(page).count(), 3))
  assert.equal(await nameField(page).inputValue(), 'Four', 'what is typed stays')
  await page.keyboard.press('Enter')
  await copyAndClose(page)
  await page.getByText('You’ve reached the limit of 4 API keys.').waitFor()
  assert.ok(await width() > 10)
  assert.equal(await page.getByRole('combobox', { name: 'Environment' }).count(), 1)
  await set(page, { limit: null })
  await eventually(async () => assert.equal(await createButton(page).first().getAttribute('aria-disabled'), 'false'))
}, options)

item(55, 'another api-base starts the panel again', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  await open(page, server, site)
  await row(page, 'Production').waitFor()
  await set(page, { 'api-base': site.url })
  await page.getByText('We couldn’t load your keys.').waitFor()
  assert.equal(await rows(page).count(), 0)
  await set(page, { 'api-base': server.url })
  await row(page, 'Production').waitFor()
}, { ...options, expected: [/gave an answer that is not Latchkey’s/] })

item(56, 'the page puts its own content into slots', async ({ page, server, site }) => {
  await open(page, server, site, { inside: '<p slot="empty">Read our guide first.</p><b slot="header">Beta</b><i slot="reveal-extra">Put it into your vault.</i>' })
  await page.getByText('Read our guide first.').waitFor()
  assert.equal(await page.getByText('No API keys yet').isVisible(), false)
  assert.ok(await page.getByText('Beta').isVisible())
  assert.equal(await page.getByText('Put it into your vault.').isVisible(), false)
  await create(page, 'Production')
  assert.ok(await page.getByText('Put it into your vault.').isVisible())
  await copyAndClose(page)
  assert.equal(await page.getByText('Read our guide first.').isVisible(), false)
}, options)

item(56, 'the page styles parts and sets variables, and its typeface is the panel’s', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  await open(page, server, site, {
    style: `api-keys-panel { --lk-accent-fill: rgb(255, 220, 0); --lk-on-accent: rgb(0, 0, 0); --lk-radius: 2px; --lk-text-size: 18px }
      api-keys-panel::part(primary) { text-transform: uppercase } api-keys-panel::part(row) { outline: 3px solid red }
      api-keys-panel::part(badge) { letter-spacing: 2px } api-keys-panel::part(dialog) { border-style: dashed }`,
  })
  await row(page, 'Production').waitFor()
  const look = (locator, name) => locator.evaluate((element, property) => getComputedStyle(element).getPropertyValue(property), name)
  const primary = createButton(page).first()
  assert.equal(await look(primary, 'text-transform'), 'uppercase')
  assert.deepEqual([await look(primary, 'background-color'), await look(primary, 'color')], ['rgb(255, 220, 0)', 'rgb(0, 0, 0)'])
  assert.deepEqual([await look(primary, 'font-family'), await look(primary, 'font-size'), await look(primary, 'border-top-left-radius')], ['serif', '18px', '2px'])
  assert.equal(await look(page.locator('table.keys'), 'border-top-left-radius'), '6px')
  assert.equal(await look(row(page, 'Production'), 'outline-width'), '3px')
  assert.equal(await look(page.locator('.state').first(), 'letter-spacing'), '2px')
  await openCreate(page)
  assert.equal(await look(dialog(page), 'border-top-style'), 'dashed')
}, options)

item(57, 'the page hears of each change, with name and prefix and never a key', async ({ page, server, site }) => {
  await open(page, server, site, { script: "addEventListener('api-keys-ready', ({ detail }) => { globalThis.ready = detail })" })
  assert.deepEqual(await page.evaluate(() => globalThis.ready), { keys: 0 })
  await hear(page, 'created', 'rotated', 'revoked', 'changed', 'error', 'signed-out')
  const key = await create(page, 'Production')
  await copyAndClose(page)
  await chooseAction(page, 'Production', 'Rotate…')
  await dialog(page).getByLabel('Immediately').check()
  await button(dialog(page), 'Rotate key').click()
  await copyAndClose(page)
  await chooseAction(page, 'Production', 'Revoke…')
  await button(question(page), 'Revoke key').click()
  await eventually(async () => assert.equal((await heard(page)).length, 6))
  const [, created, , rotated, , revoked] = await heard(page)
  const name = 'Production'
  assert.equal(created[0], 'created')
  assert.deepEqual(created[1], { id: created[1].id, name, keyPrefix: key.slice(0, 12), environment: 'live' })
  assert.deepEqual([rotated[0], rotated[1].replaces, rotated[1].name], ['rotated', created[1].id, name])
  assert.deepEqual(revoked, ['revoked', { id: rotated[1].id, name, keyPrefix: rotated[1].keyPrefix }])
  assert.doesNotMatch(JSON.stringify(await heard(page)), new RegExp(key.slice(12)))
  await page.route(ALL_KEYS, route => route.fulfill({ status: 503, json: { error: 'Away' } }))
  await page.evaluate(() => globalThis.panel.refresh())
  await eventually(async () => assert.equal((await heard(page)).at(-1)[0], 'error'))
}, { ...options, expected: [/503/, /CORS/, /ERR_FAILED/, /\[api-keys-panel\]/] })

item(57, 'the page stops what is about to be done, or has it wait for a second factor', async ({ page, person, server, site }) => {
  await open(page, server, site)
  await page.evaluate(() => {
    globalThis.asked = []
    for (const what of ['create', 'rotate', 'revoke']) {
      addEventListener(`api-keys-before-${what}`, event => {
        globalThis.asked.push([what, event.detail])
        if (globalThis.mode === 'stop') event.preventDefault()
        else event.waitUntil(new Promise((resolve, reject) => Object.assign(globalThis, { resolve, reject })))
      })
    }
    globalThis.mode = 'stop'
  })
  await openCreate(page)
  await nameField(page).fill('Production')
  const submit = button(dialog(page), 'Create API key')
  await submit.click()
  await eventually(async () => assert.deepEqual(await page.evaluate(() => globalThis.asked), [['create', { name: 'Production', environment: 'live' }]]))
  await submit.waitFor()
  for (const end of ['resolve(false)', 'reject(new Error())']) {
    await page.evaluate(() => { globalThis.mode = 'wait' })
    await submit.click()
    await button(dialog(page), 'Creating…').waitFor()
    await page.evaluate(it => { globalThis.eval(it) }, end)
    await submit.waitFor()
  }
  assert.equal((await person.keys()).length, 0)
  assert.equal(await nameField(page).inputValue(), 'Production')
  await submit.click()
  await button(dialog(page), 'Creating…').waitFor()
  await page.evaluate(() => globalThis.resolve())
  await copyAndClose(page)
  await page.evaluate(() => { globalThis.mode = 'stop' })
  await chooseAction(page, 'Production', 'Rotate…')
  await button(dialog(page), 'Rotate key').click()
  await eventually(async () => assert.equal(await page.evaluate(() => globalThis.asked.at(-1)[1].overlapSeconds), 86400))
  await page.keyboard.press('Escape')
  await chooseAction(page, 'Production', 'Revoke…')
  await button(question(page), 'Revoke key').click()
  await eventually(async () => assert.equal(await page.evaluate(() => globalThis.asked.at(-1)[1].keys?.[0].name), 'Production'))
  const [kept] = await person.keys()
  assert.deepEqual([kept.name, kept.replacedBy], ['Production', null])
}, options)

test('a panel that the page takes away while it is asked creates nothing', async ({ page, person, server, site }) => {
  await open(page, server, site)
  await page.evaluate(() => addEventListener('api-keys-before-create', event => event.waitUntil(new Promise(resolve => { globalThis.resolve = resolve }))))
  await openCreate(page)
  await nameField(page).fill('Production')
  await page.keyboard.press('Enter')
  await button(dialog(page), 'Creating…').waitFor()
  await page.evaluate(() => {
    globalThis.panel.remove()
    globalThis.resolve()
  })
  await page.waitForTimeout(200)
  assert.equal((await person.keys()).length, 0)
}, options)

item(57, 'the page opens the dialog with a name, and has the list asked for', async ({ page, person, server, site }) => {
  await open(page, server, site)
  await page.evaluate(() => globalThis.panel.openCreate({ name: 'From outside' }))
  assert.equal(await nameField(page).inputValue(), 'From outside')
  await page.keyboard.press('Enter')
  await copyAndClose(page)
  await row(page, 'From outside').waitFor()
  await person.hasKey('Elsewhere')
  await page.evaluate(() => globalThis.panel.refresh())
  await row(page, 'Elsewhere').waitFor()
}, options)

item(58, 'the console names the setting where the page’s origin is not trusted', async ({ page, server, site, watch }) => {
  await open(page, server, site)
  await eventually(() => assert.ok(watch.complaints.some(it => it.includes(`[api-keys-panel] ${site.url} is not in LATCHKEY_TRUSTED_ORIGINS of ${server.url}`)), watch.complaints.join('\n')))
}, { site: {}, settings: { LATCHKEY_TRUSTED_ORIGINS: 'http://127.0.0.1:1' }, expected: [/CORS/, /ERR_FAILED/, /\[api-keys-panel\]/] })

item(58, 'signed out, nobody is offered to create a key', async ({ page, server, site }) => {
  site.pages['/'] = `<!doctype html><title>Keys</title><api-keys-panel api-base="${server.url}"></api-keys-panel>
    <script>addEventListener('api-keys-signed-out', () => { globalThis.told = true })</script>
    <script type="module" src="${server.url}/embed/api-keys-panel.js"></script>`
  await page.goto(site.url)
  await page.getByText('Sign in to see your API keys.').waitFor()
  assert.equal(await createButton(page).count(), 0)
  assert.equal(await page.evaluate(() => globalThis.told), true)
  await page.evaluate(() => document.querySelector('api-keys-panel').openCreate())
  assert.equal(await dialog(page).count(), 0)
}, { ...options, signedIn: false, expected: [/401 \(Unauthorized\)/] })

test('help and documentation of the product are the ones that the page names', async ({ page, server, site }) => {
  await open(page, server, site, { attributes: 'docs-url="https://docs.example.com/" support-url="https://help.example.com/"' })
  assert.equal(await page.getByRole('link', { name: 'View docs' }).getAttribute('href'), 'https://docs.example.com/')
  await page.route(ALL_KEYS, route => route.abort())
  await create(page, 'Production').catch(() => null)
  const link = dialog(page).getByRole('link', { name: /Contact support/ })
  assert.equal(await link.getAttribute('href'), 'https://help.example.com/')
}, { ...options, expected: [/ERR_FAILED/] })

item(56, 'the page puts words of its own in the place of the panel’s, also before the element is defined', async ({ page, server, site, watch }) => {
  await open(page, server, site, { script: "panel.strings = { emptyTitle: 'Nothing here yet', columns: { name: 'Title' }, nonsense: 'x' }" })
  await page.getByText('Nothing here yet').waitFor()
  await page.evaluate(() => { globalThis.panel.strings = { emptyTitle: 'Still nothing', limitReached: { other: 'Enough: {number}.' } } })
  await page.getByText('Still nothing').waitFor()
  await create(page, 'Production')
  await copyAndClose(page)
  await page.getByRole('columnheader', { name: 'Title' }).waitFor()
  await set(page, { limit: '0' })
  await page.getByText('Enough: 0.').waitFor()
  assert.equal(watch.complaints.length, 1)
  assert.match(watch.complaints[0], /no words for: nonsense$/)
}, { ...options, expected: [/\[api-keys-panel\]/] })
