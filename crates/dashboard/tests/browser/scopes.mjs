// What a key may be used for and from where, as people choose it and see it.
import { strict as assert } from 'node:assert'

import { PLAIN, many, plain, restricted, withScopes } from './catalogues.mjs'
import { eventually, item } from './harness.mjs'
import { operatorAndAda } from './states_shown.mjs'
import { button, chooseAction, copyAndClose, create, createButton, description, dialog, isFocused, nameField, openCreate, openKeys, theKey } from './steps.mjs'

const box = (page, name) => dialog(page).getByRole('checkbox', { name })
const way = (page, name) => dialog(page).getByRole('radio', { name })
const submit = page => button(dialog(page), 'Create API key').click()
const ticked = page => dialog(page).getByRole('checkbox').evaluateAll(boxes => boxes.filter(it => it.checked).map(it => it.value))

async function createNamed(page, name) {
  await nameField(page).fill(name)
  await submit(page)
  await theKey(page).waitFor()
  await copyAndClose(page)
}

const only = async person => {
  const keys = await person.keys()
  assert.equal(keys.length, 1)
  return keys[0]
}

const networks = page => dialog(page).getByRole('textbox', { name: 'Allowed networks' })
const change = (person, { id }, body) => person.json('PATCH', `/api/v1/api-keys/${id}`, body)

/** Opens the dialog that changes what the key may be used for. */
async function openAccess(page, name) {
  await chooseAction(page, name, 'Change access…')
  await dialog(page).getByRole('heading', { name: 'Change access' }).waitFor()
}

async function save(page) {
  await button(dialog(page), 'Save').click()
  await dialog(page).waitFor({ state: 'detached' })
}

/** What the drawer says behind a term. */
const fact = (page, term) => page.locator('.facts > div').filter({ has: page.locator('dt', { hasText: term }) }).locator('dd')

/** The bodies of the changes that the page sends. */
function changesSent(page) {
  const sent = []
  page.on('request', request => { if (request.method() === 'PATCH') sent.push(request.postDataJSON()) })
  return sent
}

item(75, 'a new key has the scopes that are selected, the defaults at first', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  assert.ok(await way(page, 'Only these scopes').isChecked())
  assert.deepEqual(await ticked(page), ['docs:read'])
  await dialog(page).getByText('1 of 3 scopes').waitFor()
  await box(page, 'reports:read').check()
  await dialog(page).getByText('2 of 3 scopes').waitFor()
  await createNamed(page, 'Production')
  assert.deepEqual((await only(person)).scopes, ['docs:read', 'reports:read'])
}, { settings: plain })

item(75, 'full access is a choice of its own, and what was selected comes back with the other', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  await way(page, 'Full access').check()
  assert.equal(await dialog(page).getByRole('checkbox').count(), 0)
  await way(page, 'Only these scopes').check()
  assert.deepEqual(await ticked(page), ['docs:read'])
  await way(page, 'Full access').check()
  await createNamed(page, 'Production')
  assert.equal((await only(person)).scopes, null)
}, { settings: plain })

item(75, 'without a default a new key has full access, unless somebody chooses otherwise', async ({ page }) => {
  await openKeys(page)
  await openCreate(page)
  assert.ok(await way(page, 'Full access').isChecked())
}, { settings: withScopes('no-defaults', PLAIN.slice(1)) })

item(75, 'a key without scopes is warned of, in words and aloud, and created', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  const live = dialog(page).locator('[aria-live]').filter({ hasText: 'of 3 scopes' })
  assert.ok(await dialog(page).getByText('No scopes:').isHidden())
  await box(page, 'docs:read').uncheck()
  await live.getByText('No scopes: this key can do nothing that asks for a scope.').waitFor()
  await createNamed(page, 'Production')
  assert.deepEqual((await only(person)).scopes, [])
}, { settings: plain })

item(75, 'groups have a name, a scope its description, and one press selects a group', async ({ page }) => {
  await openKeys(page)
  await openCreate(page)
  const group = dialog(page).getByRole('group', { name: 'Documents' })
  assert.equal(await group.getByRole('checkbox').count(), 2)
  assert.match(await description(box(page, 'docs:write')), /^Change documents/)
  await button(group, 'Select all: Documents').click()
  assert.deepEqual(await ticked(page), ['docs:read', 'docs:write'])
  await button(group, 'Clear: Documents').click()
  assert.deepEqual(await ticked(page), [])
  await dialog(page).getByRole('group', { name: 'Other' }).getByRole('checkbox', { name: 'reports:read' }).waitFor()
}, { settings: plain })

item(75, 'of many scopes a field finds some; Enter in it creates no key, and more than a key may have are refused', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  await nameField(page).fill('Production')
  const filter = dialog(page).getByRole('searchbox', { name: 'Filter scopes' })
  await filter.fill('PART 6')
  await dialog(page).locator('[aria-live]').getByText('7 scopes found.').waitFor()
  assert.equal(await dialog(page).getByRole('checkbox').count(), 7)
  await filter.press('Enter')
  await button(dialog(page), 'Select all: Organisation').click()
  await filter.fill('')
  await dialog(page).getByText('8 of 69 scopes').waitFor()
  await button(dialog(page), 'Select all: Organisation').click()
  await submit(page)
  await dialog(page).getByText('A key has at most 64 scopes. Select fewer.').waitFor()
  assert.deepEqual(await person.keys(), [])
}, { settings: many })

item(75, 'a person can’t give a restricted scope nor full access, and reads who can', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  assert.equal(await dialog(page).getByRole('radio', { name: 'Full access' }).count(), 0)
  const pay = box(page, 'billing:pay Restricted')
  assert.ok(await pay.isDisabled())
  assert.match(await description(pay), /Pay invoices Only the operator of this service can give it\./)
  await createNamed(page, 'Production')
  assert.deepEqual((await only(person)).scopes, ['docs:read'])
}, { settings: restricted })

item(75, 'without a catalogue nobody is asked about scopes', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  assert.equal(await dialog(page).getByRole('checkbox').count(), 0)
  assert.equal(await dialog(page).getByText('Scopes').count(), 0)
  await createNamed(page, 'Production')
  assert.equal((await only(person)).scopes, null)
})

item(76, 'networks are given when a key is created, folded away at first', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  assert.ok(await networks(page).isHidden())
  await dialog(page).getByText('Advanced').click()
  assert.match(await description(networks(page)), /gateway passes on/)
  await networks(page).fill('10.0.0.0/8, 192.0.2.7\n\n 2001:db8::/32 ')
  await createNamed(page, 'Production')
  const list = ['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32']
  assert.deepEqual((await only(person)).allowedNetworks, list)
  await chooseAction(page, 'Production', 'Details')
  await eventually(async () => assert.deepEqual(await fact(page, 'Allowed networks').getByRole('listitem').allTextContents(), list))
})

item(76, 'a network that is none is said beside the field, which has the focus; nothing is lost', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  await nameField(page).fill('Production')
  await dialog(page).getByText('Advanced').click()
  await networks(page).fill('10.0.0.1/8')
  await submit(page)
  await eventually(async () => assert.match(await description(networks(page)), /10\.0\.0\.1\/8 has host bits set; did you mean 10\.0\.0\.0\/8\?/))
  assert.ok(await isFocused(networks(page)))
  assert.equal(await networks(page).getAttribute('aria-invalid'), 'true')
  assert.notEqual(await nameField(page).getAttribute('aria-invalid'), 'true')
  await networks(page).fill('10.0.0.0/8')
  assert.equal(await networks(page).getAttribute('aria-invalid'), 'false')
  await submit(page)
  await theKey(page).waitFor()
  assert.deepEqual((await only(person)).allowedNetworks, ['10.0.0.0/8'])
}, { expected: [/400 \(Bad Request\)/] })

item(76, 'networks are changed and taken away later; an empty field allows every network', async ({ page, person }) => {
  const sent = changesSent(page)
  await person.hasKey('Production', { allowedNetworks: ['10.0.0.0/8', '192.0.2.7'], scopes: ['docs:read', 'x:*'] })
  await openKeys(page)
  await openAccess(page, 'Production')
  assert.equal(await networks(page).inputValue(), '10.0.0.0/8\n192.0.2.7/32')
  assert.ok(await button(dialog(page), 'Save').isDisabled(), 'nothing is changed')
  await networks(page).fill('10.0.0.0/8')
  await save(page)
  await page.getByText('The access of Production was changed.').first().waitFor()
  assert.deepEqual((await only(person)).allowedNetworks, ['10.0.0.0/8'])
  await openAccess(page, 'Production')
  await networks(page).fill('  \n')
  await save(page)
  const { allowedNetworks, scopes } = await only(person)
  assert.equal(allowedNetworks, null)
  assert.deepEqual(scopes, ['docs:read', 'x:*'], 'without a catalogue scopes stay')
  assert.deepEqual(sent, [{ allowedNetworks: ['10.0.0.0/8'] }, { allowedNetworks: null }])
})

item(77, 'scopes are changed later: what stays keeps its order, and only what changed is sent', async ({ page, person }) => {
  const sent = changesSent(page)
  await person.hasKey('Production', { scopes: ['reports:read', 'docs:read'] })
  await openKeys(page)
  await openAccess(page, 'Production')
  assert.deepEqual(await ticked(page), ['docs:read', 'reports:read'])
  await box(page, 'docs:write').check()
  await box(page, 'docs:write').uncheck()
  assert.ok(await button(dialog(page), 'Save').isDisabled(), 'nothing is changed')
  await box(page, 'docs:write').check()
  await save(page)
  assert.deepEqual(sent, [{ scopes: ['reports:read', 'docs:read', 'docs:write'] }])
  await openAccess(page, 'Production')
  await way(page, 'Full access').check()
  await save(page)
  assert.equal((await only(person)).scopes, null)
}, { settings: plain })

item(77, 'a key keeps the grants that no catalogue has, until somebody removes one', async ({ page, person, server }) => {
  const key = await person.hasKey('Production')
  await server.command('account', 'operator', person.email, '--on')
  const { id } = await person.json('GET', '/api/v1/auth/session')
  const path = `/operator/api/owners/${encodeURIComponent(id)}/api-keys/${key.id}`
  await person.json('PATCH', path, { scopes: ['docs:*', 'billing:pay', '*'] })
  await openKeys(page)
  await openAccess(page, 'Production')
  const also = dialog(page).getByRole('group', { name: 'Also on this key' })
  assert.deepEqual(await also.getByRole('checkbox').evaluateAll(boxes => boxes.map(it => [it.value, it.checked])), [['docs:*', true], ['*', true]])
  assert.match(await description(box(page, 'docs:write')), /Included in docs:\*\./)
  assert.match(await description(box(page, 'docs:*')), /Everything below docs/)
  const pay = box(page, 'billing:pay Restricted')
  assert.ok(await pay.isChecked() && !await pay.isDisabled())
  assert.match(await description(pay), /If you remove it, only the operator/)
  await also.getByRole('checkbox', { name: '*', exact: true }).uncheck()
  await box(page, 'reports:read').check()
  await save(page)
  assert.deepEqual((await only(person)).scopes, ['docs:*', 'billing:pay', 'reports:read'])
}, { settings: restricted })

item(77, 'a key with full access keeps it, where a person can’t give that again', async ({ page, person, server }) => {
  const key = await person.hasKey('Production')
  await server.command('account', 'operator', person.email, '--on')
  const { id } = await person.json('GET', '/api/v1/auth/session')
  await person.json('PATCH', `/operator/api/owners/${encodeURIComponent(id)}/api-keys/${key.id}`, { scopes: null })
  await openKeys(page)
  await openAccess(page, 'Production')
  assert.ok(await way(page, 'Full access').isChecked())
  await way(page, 'Only these scopes').check()
  assert.deepEqual(await ticked(page), ['docs:read'])
  await save(page)
  await openAccess(page, 'Production')
  assert.equal(await dialog(page).getByRole('radio', { name: 'Full access' }).count(), 0)
}, { settings: restricted })

item(77, 'a scope that is gone from the catalogue meanwhile is said, and the next dialog has the new one', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  await page.route('**/api/v1/scopes', async route => {
    const response = await route.fetch()
    await route.fulfill({ response, json: (await response.json()).slice(1) })
  })
  await page.route('**/api/v1/api-keys', async route => {
    if (route.request().method() !== 'POST') return route.continue()
    const response = await route.fetch({ postData: JSON.stringify({ ...route.request().postDataJSON(), scopes: ['gone'] }) })
    await route.fulfill({ response })
  })
  await nameField(page).fill('Production')
  await submit(page)
  await dialog(page).getByRole('group', { name: 'Scopes' }).getByText('There is no scope gone here').waitFor()
  assert.deepEqual(await person.keys(), [])
  await page.keyboard.press('Escape')
  await openCreate(page)
  await dialog(page).getByText('0 of 2 scopes').or(dialog(page).getByText('Full access')).first().waitFor()
  assert.equal(await box(page, 'docs:read').count(), 0)
}, { settings: plain, expected: [/400 \(Bad Request\)/] })

item(78, 'details say what a key may be used for, with the descriptions', async ({ page, person }) => {
  await person.hasKey('Two', { scopes: ['docs:read', 'docs:*'] })
  await person.hasKey('None', { scopes: [] })
  await person.hasKey('All', { scopes: null })
  await openKeys(page)
  const open = async name => {
    await page.keyboard.press('Escape')
    await chooseAction(page, name, 'Details')
    await dialog(page).getByRole('heading', { name, exact: true }).waitFor()
  }
  await open('Two')
  const chips = fact(page, 'Scopes').getByRole('listitem')
  assert.deepEqual(await chips.allTextContents(), ['docs:read: Read documents', 'docs:*'])
  assert.equal(await chips.first().getAttribute('title'), 'Read documents')
  assert.equal(await fact(page, 'Allowed networks').count(), 0)
  await open('None')
  assert.equal(await fact(page, 'Scopes').textContent(), 'No scopes')
  await open('All')
  assert.equal(await fact(page, 'Scopes').textContent(), 'Full access')
}, { settings: plain })

item(78, 'without a catalogue details show the scopes that a key has, and nothing of a key that has none', async ({ page, person }) => {
  await person.hasKey('Two', { scopes: ['docs:read', 'x:*'] })
  await person.hasKey('Plain')
  await openKeys(page)
  await chooseAction(page, 'Two', 'Details')
  assert.deepEqual(await fact(page, 'Scopes').getByRole('listitem').allTextContents(), ['docs:read', 'x:*'])
  await page.keyboard.press('Escape')
  await chooseAction(page, 'Plain', 'Details')
  await fact(page, 'Created by').waitFor()
  assert.equal(await fact(page, 'Scopes').count(), 0)
})

item(78, 'a rotated key shows what it took over', async ({ page, person }) => {
  await person.hasKey('Production', { scopes: ['docs:read'], allowedNetworks: ['10.0.0.0/8'] })
  await openKeys(page)
  await chooseAction(page, 'Production', 'Rotate…')
  await button(dialog(page), 'Rotate key').click()
  await copyAndClose(page)
  await button(page, 'Actions for Production').first().click()
  await page.getByRole('menuitem', { name: 'Details' }).click()
  await fact(page, 'Allowed networks').getByRole('listitem').waitFor()
  assert.deepEqual(await fact(page, 'Scopes').getByRole('listitem').allTextContents(), ['docs:read: Read documents'])
  assert.deepEqual(await fact(page, 'Allowed networks').getByRole('listitem').allTextContents(), ['10.0.0.0/8'])
}, { settings: plain })

item(31, 'the activity and the history of a key say the same of scopes, networks and limits that were changed', async ({ page, person }) => {
  const key = await person.hasKey('Production')
  const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  for (const body of [{ scopes: letters }, { scopes: ['x:*'] }, { scopes: [] }, { scopes: null }, { allowedNetworks: ['10.0.0.0/8', '::1'] }, { allowedNetworks: null },
    { limits: [{ limit: 5, every: 'minute' }] }, { limits: null }]) await change(person, key, body)
  for (const add of [9, -4, null]) await person.json('POST', `/api/v1/api-keys/${key.id}/credits`, { add })
  const expected = [
    'Credits of “Production” no longer counted', 'Credits of “Production” changed from 9 to 5', 'Credits of “Production” counted from now on: 9',
    'Limits of “Production” removed', 'Limits of “Production” set to 5 a minute',
    'Allowed “Production” from every network', 'Allowed “Production” only from 10.0.0.0/8, ::1/128', 'Gave “Production” full access', 'Took all scopes from “Production”',
    'Scopes of “Production” set to x:*', 'Scopes of “Production” set to a, b, c, d, e and 2 more', 'Created “Production”',
  ]
  await openKeys(page)
  await chooseAction(page, 'Production', 'Details')
  await eventually(async () => assert.deepEqual(await page.locator('.history .sentence').allTextContents(), expected))
  await page.goto(`/account/activity?key=${key.id}`)
  assert.deepEqual(await page.locator('.trail .sentence').allTextContents(), expected)
})

item(79, 'an operator sees and gives restricted scopes, and changes networks', async window => {
  const { page } = window
  const { ada, key } = await operatorAndAda(window)
  await page.goto(`/operator/keys/${key.id}`)
  assert.deepEqual(await fact(page, 'Scopes').getByRole('listitem').allTextContents(), ['docs:read: Read documents'])
  await button(page, 'Change access').click()
  await way(page, 'Only these scopes').waitFor()
  const pay = box(page, 'billing:pay Restricted')
  assert.ok(!await pay.isDisabled())
  await pay.check()
  await dialog(page).getByText('Advanced').click()
  await networks(page).fill('127.0.0.1/7')
  await button(dialog(page), 'Save').click()
  await eventually(async () => assert.match(await description(networks(page)), /did you mean 126\.0\.0\.0\/7/))
  await networks(page).fill('127.0.0.1')
  await button(dialog(page), 'Save').click()
  await page.locator('.toast').getByText('Access changed.').waitFor()
  const chips = await fact(page, 'Scopes').getByRole('listitem').allTextContents()
  assert.deepEqual(chips, ['docs:read: Read documents', 'billing:pay: Pay invoices Restricted'])
  assert.deepEqual(await fact(page, 'Allowed networks').getByRole('listitem').allTextContents(), ['127.0.0.1/32'])
  await button(page, 'Change access').click()
  await way(page, 'Full access').check()
  await button(dialog(page), 'Save').click()
  await fact(page, 'Scopes').getByText('Full access').waitFor()
  const [{ scopes, allowedNetworks }] = await ada.keys()
  assert.deepEqual([scopes, allowedNetworks], [null, ['127.0.0.1/32']])
}, { settings: restricted, expected: [/400 \(Bad Request\)/] })

item(79, 'the server draws what a key may be used for as the drawer does', async window => {
  const { page, person, server } = window
  await person.hasKey('Two', { scopes: ['docs:read', 'docs:*'], allowedNetworks: ['10.0.0.0/8'] })
  await person.hasKey('None', { scopes: [] })
  await person.hasKey('Limited', { scopes: ['docs:read'], limits: [{ limit: 1000, every: 'day' }, { limit: 5, every: 'second' }], credits: 0 })
  await server.command('account', 'operator', person.email, '--on')
  for (const { id, name } of await person.keys()) {
    const seen = async () => {
      const texts = []
      for (const term of ['Scopes', 'Allowed networks', 'Limits', 'Credits left']) {
        for (const it of await fact(page, term).all()) texts.push(await it.evaluate(it => [it.textContent.trim(), ...[...it.querySelectorAll('li')].map(li => [li.textContent, li.title])]))
      }
      return texts
    }
    await page.goto(`/operator/keys/${id}`)
    const byServer = await seen()
    await openKeys(page)
    await chooseAction(page, name, 'Details')
    assert.deepEqual(await seen(), byServer, name)
    assert.ok(byServer.length > 0)
    if (name === 'Limited') assert.deepEqual(byServer.slice(-2), [['5 a second, 1000 a day'], ['0']])
  }
}, { settings: plain })

// In another dashboard.

const trusted = settings => site => ({ ...settings, LATCHKEY_TRUSTED_ORIGINS: site.url })

async function openPanel(page, server, site, attributes = '') {
  site.pages['/'] = `<!doctype html><title>Keys</title><api-keys-panel api-base="${server.url}" ${attributes}></api-keys-panel>
    <script type="module" src="${server.url}/embed/api-keys-panel.js"></script>`
  await page.goto(site.url)
  await createButton(page).first().waitFor()
}

item(80, 'the panel in another dashboard asks for the catalogue, and tells its page what was chosen before', async ({ page, person, server, site }) => {
  await openPanel(page, server, site)
  await page.evaluate(() => addEventListener('api-keys-before-create', ({ detail }) => { globalThis.before = detail }))
  await openCreate(page)
  await box(page, 'docs:write').check()
  await createNamed(page, 'Production')
  const scopes = ['docs:read', 'docs:write']
  assert.deepEqual((await only(person)).scopes, scopes)
  assert.deepEqual(await page.evaluate(() => globalThis.before), { name: 'Production', environment: 'live', scopes })
  await openAccess(page, 'Production')
  assert.deepEqual(await ticked(page), scopes)
}, { site: {}, settings: trusted(plain) })

item(80, 'a catalogue that comes late fills the dialog that is open', async ({ page, server, site }) => {
  let release
  const held = new Promise(done => { release = done })
  await page.route('**/api/v1/scopes', async route => { await held; return route.continue() })
  await openPanel(page, server, site)
  await openCreate(page)
  await nameField(page).fill('Production')
  release()
  await box(page, 'docs:read').waitFor()
  assert.ok(await isFocused(nameField(page)))
}, { site: {}, settings: trusted(plain) })

item(80, 'at a Latchkey without that call the panel works without scopes, and says nothing', async ({ page, person, server, site }) => {
  await page.route('**/api/v1/scopes', async route => {
    const response = await route.fetch({ url: `${server.url}/api/v1/no-such-call` })
    await route.fulfill({ response, headers: { ...response.headers(), 'access-control-allow-origin': site.url, 'access-control-allow-credentials': 'true' } })
  })
  await openPanel(page, server, site)
  await page.evaluate(() => { globalThis.errors = 0; addEventListener('api-keys-error', () => { globalThis.errors += 1 }) })
  await create(page, 'Production')
  assert.equal(await page.evaluate(() => globalThis.errors), 0)
  assert.equal((await only(person)).name, 'Production')
}, { site: {}, settings: trusted({}), expected: [/404 \(Not Found\)/] })

item(80, 'a page leaves scopes and networks out', async ({ page, person, server, site }) => {
  await openPanel(page, server, site, 'scopes="off" networks="off" budgets="off"')
  await openCreate(page)
  await nameField(page).waitFor()
  assert.equal(await dialog(page).getByRole('checkbox').count(), 0)
  assert.equal(await dialog(page).getByText('Advanced').count(), 0)
  await createNamed(page, 'Production')
  assert.deepEqual((await only(person)).scopes, ['docs:read'], 'the defaults')
  await button(page, 'Actions for Production').click()
  await page.getByRole('menuitem', { name: 'Rename' }).waitFor()
  assert.equal(await page.getByRole('menuitem', { name: 'Change access…' }).count(), 0)
}, { site: {}, settings: trusted(plain) })
