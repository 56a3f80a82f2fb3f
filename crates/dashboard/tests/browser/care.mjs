// @ts-check
import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { Person } from './person.mjs'
import { button, createButton, dialog, nameField, openCreate, openKeys, question, row, theKey } from './steps.mjs'

/** @import { Page } from 'playwright-core' */

const PROFILE = '/account/profile'
const FRESH = { settings: { LATCHKEY_REAUTH_AFTER: '1s' } }

/** @param {Page} page */
const sessions = page => page.locator('.sessions tbody tr')

/** Another session of the same person. @param {Person} person */
async function elsewhere(person) {
  const other = new Person(person.server, person.email)
  await other.open('sign-in')
  return other
}

/** @param {Person} person */
const status = async person => (await person.call('GET', '/api/v1/auth/session')).status

item(48, 'one session is signed out, and the others go on', async ({ page, person }) => {
  const [first, second] = [await elsewhere(person), await elsewhere(person)]
  await page.goto(PROFILE)
  assert.equal(await sessions(page).count(), 3)
  assert.match(await sessions(page).last().textContent() ?? '', /This session/)
  await sessions(page).first().getByRole('button').click()
  await page.getByText('That session was signed out.').waitFor()
  assert.equal(await sessions(page).count(), 2)
  assert.deepEqual([await status(person), await status(first), await status(second)], [200, 200, 401])
})

item(48, 'all other sessions are signed out together', async ({ page, person }) => {
  const others = [await elsewhere(person), await elsewhere(person)]
  await page.goto(PROFILE)
  await button(page, 'Sign out all others').click()
  await page.getByText('2 other sessions were signed out.').waitFor()
  assert.equal(await sessions(page).count(), 1)
  assert.equal(await button(page, 'Sign out all others').count(), 0)
  assert.deepEqual([await status(person), ...await Promise.all(others.map(status))], [200, 401, 401])
})

item(48, 'a session that has ended meanwhile is signed out too', async ({ page, person }) => {
  const other = await elsewhere(person)
  await page.goto(PROFILE)
  await other.call('POST', '/api/v1/auth/sign-out')
  await sessions(page).first().getByRole('button').click()
  await page.getByText('That session was signed out.').waitFor()
  assert.equal(await sessions(page).count(), 1)
}, { expected: [/404/] })

item(49, 'a wrong password changes no address, and the right one does', async ({ page, person }) => {
  await page.goto(PROFILE)
  const form = page.locator('#email-form')
  const address = `new-${person.email}`
  await form.getByLabel('New email').fill(` ${address} `)
  await form.getByLabel('Password', { exact: true }).fill('not the right password')
  await form.getByRole('button', { name: 'Change email' }).click()
  await form.getByText('The current password is wrong.').waitFor()
  assert.equal((await person.json('GET', '/api/v1/auth/session')).email, person.email)

  await form.getByLabel('Password', { exact: true }).fill(person.password)
  await form.getByRole('button', { name: 'Change email' }).click()
  await form.getByText('Email changed.').waitFor()
  assert.equal(await page.locator('.own-email').textContent(), address)
  assert.equal(await page.locator('.who bdi').textContent(), address)
  assert.equal((await person.json('GET', '/api/v1/auth/session')).email, address)
}, { expected: [/400/] })

item(50, 'the download holds the account, its keys and its events, and no secret', async ({ page, person }) => {
  const { key } = await person.hasKey('Production')
  await page.goto(PROFILE)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()])
  assert.match(download.suggestedFilename(), /^latchkey-account\.json$/)
  const chunks = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  const { account, keys, auditEvents } = JSON.parse(text)
  assert.equal(account.email, person.email)
  assert.deepEqual(keys.map((/** @type {Key} */ it) => it.name), ['Production'])
  assert.ok(auditEvents.length >= 2)
  assert.ok(!text.includes(key), 'the download holds a key')
})

item(51, 'an account is deleted by its password alone, and its keys are dead', async ({ page, person }) => {
  const { key } = await person.hasKey('Production')
  await page.goto(PROFILE)
  await button(page, 'Delete account…').click()
  await question(page).getByRole('button', { name: 'Delete account' }).click()
  await question(page).getByText('Enter your password.').waitFor()
  await question(page).getByLabel('Password').fill('not the right password')
  await question(page).getByRole('button', { name: 'Delete account' }).click()
  await question(page).getByText('The current password is wrong.').waitFor()
  assert.equal(await person.verify(key), 200)

  await question(page).getByLabel('Password').fill(person.password)
  await question(page).getByRole('button', { name: 'Delete account' }).click()
  await page.waitForURL('/sign-in')
  assert.equal(await person.verify(key), 401)
  const again = await person.call('POST', '/api/v1/auth/sign-in', { email: person.email, password: person.password })
  assert.equal(again.status, 401)
}, { expected: [/400/] })

item(52, 'a key is created and revoked after the password was given again', async ({ page, person }) => {
  await new Promise(later => setTimeout(later, 1_100))
  await openKeys(page)
  await openCreate(page)
  await nameField(page).fill('Production')
  await nameField(page).press('Enter')
  const confirm = page.getByRole('dialog', { name: 'Confirm it’s you' })
  await confirm.getByLabel('Password').fill('not the right password')
  await confirm.getByRole('button', { name: 'Confirm' }).click()
  await confirm.getByText('The current password is wrong.').waitFor()
  await confirm.getByLabel('Password').fill(person.password)
  await confirm.getByRole('button', { name: 'Confirm' }).click()
  await theKey(page).waitFor()
  assert.equal(await person.verify(await theKey(page).inputValue()), 200)
}, { ...FRESH, expected: [/40[03]/] })

item(52, 'without the password nothing is created, and what was typed stays', async ({ page, person }) => {
  await new Promise(later => setTimeout(later, 1_100))
  await openKeys(page)
  await openCreate(page)
  await nameField(page).fill('Production')
  await nameField(page).press('Enter')
  const confirm = page.getByRole('dialog', { name: 'Confirm it’s you' })
  await confirm.getByRole('button', { name: 'Cancel' }).click()
  await dialog(page).getByText('Confirm your password, then try again.').waitFor()
  assert.equal(await dialog(page).getByLabel('Name').inputValue(), 'Production')
  assert.deepEqual(await person.keys(), [])
}, { ...FRESH, expected: [/403/] })

const GERMAN = { context: { locale: 'de-AT', timezoneId: 'Europe/Vienna' } }

item(53, 'a German reader reads German, from the first bytes to the dialogs and errors', async ({ page, person }) => {
  await person.hasKey('Server', { expiresAt: '2099-03-04T12:00:00.000Z' })
  const first = await (await page.request.get('/account/api-keys', { headers: { 'Accept-Language': 'de-AT,de;q=0.9' } })).text()
  assert.match(first, /<html lang="de">/)
  assert.match(first, /Zuletzt benutzt/)
  await page.goto('/account/api-keys')
  await page.getByRole('button', { name: 'API-Schlüssel erstellen' }).click()
  await dialog(page).getByRole('button', { name: 'API-Schlüssel erstellen' }).click()
  await dialog(page).getByText('Geben Sie dem Schlüssel einen Namen.').waitFor()
  await page.keyboard.press('Escape')
  await row(page, 'Server').locator('time').last().hover()
  assert.match(await page.getByRole('tooltip').textContent() ?? '', /^0?4\.\s?(März|0?3\.)/)
  await page.getByLabel('Server auswählen').check()
  await page.getByText('1 Schlüssel ausgewählt').first().waitFor()
  await page.goto(PROFILE)
  await page.locator('#email-form').getByLabel('Neue E-Mail-Adresse').fill('neu@example.com')
  await page.locator('#email-form').getByLabel('Passwort', { exact: true }).fill('nicht das richtige')
  await page.getByRole('button', { name: 'E-Mail-Adresse ändern' }).click()
  await page.getByText('Das aktuelle Passwort ist falsch.').waitFor()
  await page.goto('/account/activity')
  await page.getByText('„Server“ erstellt').waitFor()
}, { ...GERMAN, expected: [/400/] })

item(53, 'nothing on a German page is left in English', async ({ page, person }) => {
  await person.hasKey('Server')
  for (const path of ['/account/api-keys', PROFILE, '/account/usage', '/account/activity', '/account/nowhere']) {
    await page.goto(path)
    await eventually(async () => {
      const shown = await page.locator('main').innerText()
      for (const word of [/\bthe\b/i, /\byour?\b/i, /\bsign/i, /\bcreate/i, /\bkeys?\b/i]) assert.doesNotMatch(shown, word, path)
    })
  }
}, { ...GERMAN, expected: [/404/] })

item(53, 'a reader of a language that the pages don’t speak reads English', async ({ page, person }) => {
  await person.hasKey('Server')
  await openKeys(page)
  await createButton(page).waitFor()
}, { context: { locale: 'fr-FR' } })
