// Every state of the pages that looks different, and the steps to it.
import { many, restricted } from './catalogues.mjs'
import { Person } from './person.mjs'
import { button, chooseAction, create, dialog, later, nameField, openCreate, openKeys, question, row, theKey } from './steps.mjs'

const DAY = 24 * 60 * 60_000

/** Makes the person of the window an operator, and somebody else with a key. */
export async function operatorAndAda({ server, person }) {
  await server.command('account', 'operator', person.email, '--on')
  const ada = await Person.signUp(server)
  const key = await ada.hasKey('Ada’s laptop')
  return { ada, key, owner: (await ada.json('GET', '/api/v1/auth/session')).id }
}

/** A list in which each kind of row is there. */
export async function fill(person) {
  const old = await person.hasKey('Zapier integration')
  await person.hasKey('Staging', { environment: 'test' })
  const { id } = await person.hasKey('Legacy importer')
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { enabled: false })
  await person.hasKey('Load test', { environment: 'test', expiresAt: new Date(Date.now() + 3 * DAY).toISOString() })
  await person.json('POST', `/api/v1/api-keys/${old.id}/rotate`, {})
  return person.hasKey('Server-side app', { expiresAt: new Date(Date.now() + 90 * DAY).toISOString() })
}

async function filled({ page, person }, query) {
  await fill(person)
  await openKeys(page, query)
  if (!query) await row(page, 'Server-side app').waitFor()
}

export const states = [
  { name: 'sign-in', signedIn: false, reach: ({ page }) => page.goto('/sign-in') },
  {
    name: 'sign-in, refused', signedIn: false, expected: [/401 \(Unauthorized\)/],
    async reach({ page }) {
      await page.goto('/sign-in')
      await page.getByLabel('Email').fill('nobody@example.com')
      await page.getByLabel('Password', { exact: true }).fill('wrong')
      await page.keyboard.press('Enter')
      await page.getByText('Wrong email or password.').waitFor()
    },
  },
  { name: 'sign-up', signedIn: false, reach: ({ page }) => page.goto('/sign-up') },
  {
    name: 'sign-up, incomplete', signedIn: false,
    async reach({ page }) {
      await page.goto('/sign-up')
      await page.getByLabel('Password', { exact: true }).fill('short')
      await page.keyboard.press('Enter')
      await page.getByText(/12/).first().waitFor()
    },
  },
  {
    name: 'sign-up, closed', settings: { LATCHKEY_SIGN_UP: 'closed' }, signedIn: false, withoutAccount: true,
    reach: ({ page }) => page.goto('/sign-up'),
  },
  { name: 'profile', reach: ({ page }) => page.goto('/account/profile') },
  { name: 'activity', reach: async ({ page, person }) => { await fill(person); await page.goto('/account/activity') } },
  {
    name: 'usage',
    async reach({ page, person }) {
      await person.uses(await fill(person))
      await page.goto('/account/usage')
      await page.getByText('Show as a table').click()
    },
  },
  { name: 'usage, before the first call', reach: ({ page }) => page.goto('/account/usage') },
  { name: 'the API reference', signedIn: false, reach: ({ page }) => page.goto('/docs') },
  {
    name: 'the API reference, in use',
    async reach({ page, person }) {
      await person.hasKey('Production')
      await page.goto('/docs')
      const calls = page.locator('section#listApiKeys')
      await calls.locator('summary').click()
      await calls.getByRole('combobox', { name: 'Language' }).selectOption('Python')
      await calls.getByRole('button', { name: /^Run/ }).click()
      await calls.getByText(/^200 OK/).waitFor()
      await page.getByRole('searchbox').fill('key')
    },
  },
  ...['', '?at-limit', '?empty'].map(query => ({
    name: `the style guide${query}`, signedIn: false, expected: [/404/],
    async reach({ page }) {
      await page.goto(`/styleguide${query}`)
      await page.getByRole('button', { name: 'Create API key' }).first().waitFor()
    },
  })),
  { name: 'the list, empty', reach: ({ page }) => openKeys(page) },
  {
    name: 'the list, filled',
    async reach({ page, person }) {
      await person.uses(await fill(person))
      await later(page, 59)
      await openKeys(page)
      await row(page, 'Server-side app').waitFor()
    },
  },
  { name: 'the list, years later', reach: async window => { await later(window.page, 100 * 24 * 60); await filled(window) } },
  { name: 'the list, filtered to nothing', reach: window => filled(window, '?q=nothing') },
  {
    name: 'the list, at its limit', settings: { LATCHKEY_MAX_KEYS_PER_OWNER: '1' },
    async reach({ page, person }) { await person.hasKey('Production'); await openKeys(page) },
  },
  {
    name: 'the list, nearly at its limit, with a leaked key', settings: { LATCHKEY_MAX_KEYS_PER_OWNER: '6' },
    async reach({ page, person }) {
      await person.leaks(await person.hasKey('Leaked'))
      await fill(person)
      await openKeys(page)
      await page.locator('.leaked').waitFor()
      await page.locator('.count').waitFor()
    },
  },
  {
    name: 'the list, after the session', expected: [/401 \(Unauthorized\)/],
    async reach(window) {
      await filled(window)
      await window.person.json('POST', '/api/v1/auth/sign-out')
      await row(window.page, 'Server-side app').getByRole('switch').click()
      await window.page.getByRole('alert').getByText(/signed out|session has expired/i).waitFor()
    },
  },
  {
    name: 'the menu of a row',
    async reach(window) {
      await filled(window)
      await button(window.page, 'Actions for Server-side app').click()
      await window.page.getByRole('menu').waitFor()
    },
  },
  {
    name: 'renaming',
    async reach(window) {
      await filled(window)
      await button(window.page, 'Rename Server-side app').click()
      await window.page.getByRole('textbox', { name: 'New name of Server-side app' }).waitFor()
    },
  },
  {
    name: 'several selected',
    async reach(window) {
      await filled(window)
      for (const name of ['Staging', 'Load test']) await window.page.getByRole('checkbox', { name: `Select ${name}` }).check()
      await button(window.page, 'Revoke 2 keys…').waitFor()
    },
  },
  {
    name: 'the create dialog',
    async reach({ page }) {
      await openKeys(page)
      await openCreate(page)
      await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'Custom date…' })
    },
  },
  {
    name: 'the create dialog, refused', expected: [/400 \(Bad Request\)/],
    async reach({ page }) {
      await openKeys(page)
      await openCreate(page)
      await nameField(page).fill('\u202eProduction')
      await page.keyboard.press('Enter')
      await dialog(page).getByRole('alert').getByText(/control/).waitFor()
    },
  },
  {
    name: 'the create dialog, with scopes', settings: restricted,
    async reach({ page }) {
      await openKeys(page)
      await openCreate(page)
      await dialog(page).getByRole('checkbox', { name: 'docs:read' }).uncheck()
      await dialog(page).getByText('Advanced').click()
      await dialog(page).getByText('No scopes:').waitFor()
    },
  },
  {
    name: 'the create dialog, with limits',
    async reach({ page }) {
      await openKeys(page)
      await openCreate(page)
      await nameField(page).fill('Production')
      await dialog(page).getByText('Advanced').click()
      await dialog(page).getByRole('spinbutton', { name: 'Each hour' }).fill('0.5')
      await page.keyboard.press('Enter')
      await dialog(page).getByText('Enter a whole number').waitFor()
    },
  },
  {
    name: 'adding credits',
    async reach({ page, person }) {
      await person.hasKey('Server-side app', { credits: 1000 })
      await openKeys(page)
      await chooseAction(page, 'Server-side app', 'Add credits…')
      await dialog(page).getByRole('checkbox').waitFor()
    },
  },
  {
    name: 'the create dialog, with many scopes', settings: many,
    async reach({ page }) {
      await openKeys(page)
      await openCreate(page)
      await dialog(page).getByRole('searchbox').fill('part 6')
    },
  },
  {
    name: 'changing the access', settings: restricted,
    async reach({ page, person }) {
      await person.hasKey('Server-side app', { scopes: ['docs:read'], allowedNetworks: ['10.0.0.0/8'] })
      await openKeys(page)
      await chooseAction(page, 'Server-side app', 'Change access…')
      await dialog(page).getByRole('checkbox').first().waitFor()
    },
  },
  {
    name: 'the details, with scopes', settings: restricted,
    async reach({ page, person }) {
      await person.hasKey('Server-side app', { scopes: ['docs:read', 'docs:write'], allowedNetworks: ['10.0.0.0/8', '2001:db8:85a3:8d3:1319:8a2e:370:7348'] })
      await openKeys(page)
      await chooseAction(page, 'Server-side app', 'Details')
      await dialog(page).locator('tbody').getByRole('row').first().waitFor()
    },
  },
  { name: 'the reveal', reach: async ({ page }) => { await openKeys(page); await create(page, 'Server-side app') } },
  {
    name: 'leaving the reveal',
    async reach({ page }) {
      await openKeys(page)
      await create(page, 'Server-side app')
      await page.keyboard.press('Escape')
      await question(page).waitFor()
    },
  },
  {
    name: 'rotating',
    async reach(window) {
      await filled(window)
      await chooseAction(window.page, 'Server-side app', 'Rotate…')
      await dialog(window.page).waitFor()
    },
  },
  {
    name: 'rotated',
    async reach(window) {
      await filled(window)
      await chooseAction(window.page, 'Server-side app', 'Rotate…')
      await button(dialog(window.page), 'Rotate key').click()
      await theKey(window.page).waitFor()
    },
  },
  {
    name: 'changing the expiry',
    async reach(window) {
      await filled(window)
      await chooseAction(window.page, 'Server-side app', 'Change expiry…')
      await dialog(window.page).waitFor()
    },
  },
  {
    name: 'revoking',
    async reach({ page, person }) {
      await person.uses(await person.hasKey('Server-side app'))
      await openKeys(page)
      await chooseAction(page, 'Server-side app', 'Revoke…')
      await question(page).getByRole('textbox').waitFor()
    },
  },
  {
    name: 'the details',
    async reach(window) {
      await filled(window)
      await chooseAction(window.page, 'Server-side app', 'Details')
      await dialog(window.page).locator('tbody').getByRole('row').first().waitFor()
    },
  },
  {
    name: 'the details, with usage',
    async reach({ page, person }) {
      await person.uses(await person.hasKey('Server-side app', { credits: 100, limits: [{ limit: 1000, every: 'day' }] }))
      await openKeys(page)
      await chooseAction(page, 'Server-side app', 'Details')
      await dialog(page).getByText('Show as a table').click()
      await dialog(page).getByRole('textbox').fill('019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d')
      await button(dialog(page), 'Explain').click()
      await dialog(page).getByText('This request is not among').waitFor()
    },
  },
  {
    name: 'an old key that is still used',
    async reach({ page, person }) {
      const old = await person.hasKey('Server-side app')
      await person.json('POST', `/api/v1/api-keys/${old.id}/rotate`, {})
      await person.uses(old)
      await openKeys(page)
      await page.getByText('Still used').first().waitFor()
    },
  },
  ...[
    ['find a key', () => '/operator'],
    ['a key', ({ key }) => `/operator/keys/${key.id}`],
    ['an owner', ({ owner }) => `/operator/owners/${owner}`],
    ['accounts', () => '/operator/accounts'],
    ['activity', () => '/operator/activity'],
    ['system', () => '/operator/system'],
  ].map(([name, path]) => ({
    name: `operator, ${name}`,
    async reach(window) {
      await window.page.goto(path(await operatorAndAda(window)))
    },
  })),
  {
    name: 'operator, changing the access', settings: restricted,
    async reach(window) {
      const { key } = await operatorAndAda(window)
      await window.page.goto(`/operator/keys/${key.id}`)
      await button(window.page, 'Change access').click()
      await window.page.getByRole('checkbox').first().waitFor()
    },
  },
  {
    name: 'operator, a new token',
    async reach(window) {
      await operatorAndAda(window)
      await window.server.command('token', 'create', '--name', 'Billing', '--allow', 'keys:read,keys:write')
      await window.page.goto('/operator/tokens')
      await button(window.page, 'Create token').click()
      await window.page.getByRole('checkbox').first().waitFor()
    },
  },
  {
    name: 'operator, revoking all',
    async reach(window) {
      const { owner } = await operatorAndAda(window)
      await window.page.goto(`/operator/owners/${owner}`)
      await button(window.page, 'Revoke all keys').click()
      await question(window.page).getByRole('textbox').waitFor()
    },
  },
]
