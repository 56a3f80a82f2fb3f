// @ts-check
// What was done is seen, and the keyboard's short ways.
import { strict as assert } from 'node:assert'

import { item } from './harness.mjs'
import { button, chooseAction, dialog, isFocused, openKeys, question, row, rows } from './steps.mjs'

/** @import { Page } from 'playwright-core' */

const toast = (/** @type {Page} */ page) => page.locator('.toast')

/** Whether it lies in the window. @param {Page} page @param {import('playwright-core').Locator} locator */
async function isInWindow(page, locator) {
  const box = await locator.boundingBox()
  const height = page.viewportSize()?.height ?? 0
  return box !== null && box.y >= 0 && box.y + box.height <= height
}

item(45, 'disabling a key says so where one looks, and Undo enables it', async ({ page, person }) => {
  for (let number = 1; number <= 25; number += 1) await person.hasKey(`Key ${number}`)
  const { key } = await person.hasKey('Production')
  await openKeys(page, '?order=asc&page=2')
  await row(page, 'Production').getByRole('switch').click()
  await toast(page).getByText('Production is disabled.').waitFor()
  assert.ok(await isInWindow(page, toast(page)))
  assert.equal(await person.verify(key), 401)
  await button(toast(page), 'Undo').click()
  await toast(page).getByText('Production is enabled.').waitFor()
  assert.equal(await person.verify(key), 200)
})

item(45, 'a new name can be undone, and a revoked key says that it is revoked', async ({ page, person }) => {
  const { id } = await person.hasKey('Old name')
  await openKeys(page)
  await chooseAction(page, 'Old name', 'Rename')
  await page.getByRole('textbox', { name: 'New name of Old name' }).fill('New name')
  await page.keyboard.press('Enter')
  await button(toast(page), 'Undo').click()
  await row(page, 'Old name').waitFor()
  await toast(page).getByText('Renamed to Old name.').waitFor()
  assert.equal((await person.keys()).find(key => key.id === id)?.name, 'Old name')
  await chooseAction(page, 'Old name', 'Revoke…')
  await button(question(page), 'Revoke key').click()
  await toast(page).getByText('Old name was revoked.').waitFor()
  assert.equal(await button(toast(page), 'Undo').count(), 0)
})

item(45, 'what failed is seen at the foot of a long list, and stays until it is dismissed', async ({ page, person }) => {
  for (let number = 1; number <= 25; number += 1) await person.hasKey(`Key ${number}`)
  await openKeys(page)
  await rows(page).last().scrollIntoViewIfNeeded()
  await page.context().setOffline(true)
  await rows(page).last().getByRole('switch').click()
  const problem = page.locator('#problem')
  await problem.getByText('Can’t reach the server').waitFor()
  assert.ok(await isInWindow(page, problem))
  await page.context().setOffline(false)
  await button(problem, 'Dismiss').click()
  assert.equal(await problem.textContent(), '')
}, { expected: [/ERR_INTERNET_DISCONNECTED/] })

item(46, 'the keyboard creates, searches, walks through the list and opens details', async ({ page, person }) => {
  for (const name of ['Third', 'Second', 'First']) await person.hasKey(name)
  await openKeys(page)
  await page.keyboard.press('j')
  assert.ok(await isFocused(row(page, 'First')))
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  assert.ok(await isFocused(row(page, 'Second')))
  await page.keyboard.press('Enter')
  await dialog(page).getByRole('heading', { name: 'Second' }).waitFor()
  await page.keyboard.press('c')
  assert.equal(await dialog(page).count(), 1, 'a dialog is in the way')
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
  await page.keyboard.press('/')
  assert.ok(await isFocused(page.getByRole('searchbox')))
  await page.keyboard.type('c?jk')
  assert.equal(await page.getByRole('searchbox').inputValue(), 'c?jk', 'who types is not interrupted')
  await page.getByRole('heading', { name: 'API keys' }).focus()
  await page.keyboard.press('c')
  await dialog(page).getByRole('heading', { name: 'Create API key' }).waitFor()
})

item(46, 'the shortcuts are listed, and can be switched off', async ({ page }) => {
  await openKeys(page)
  await page.keyboard.press('?')
  await dialog(page).getByText('Next key').waitFor()
  await dialog(page).getByLabel('Use these shortcuts').uncheck()
  await button(dialog(page), 'Close').last().click()
  await page.keyboard.press('c')
  await page.keyboard.press('?')
  assert.equal(await dialog(page).count(), 0)
})

item(47, 'details have an address, which a link leads to and Back leaves', async ({ page, person }) => {
  const { id } = await person.hasKey('Production')
  await openKeys(page)
  await row(page, 'Production').locator('.created').click({ position: { x: 2, y: 2 } })
  await dialog(page).getByRole('heading', { name: 'Production' }).waitFor()
  assert.equal(new URL(page.url()).searchParams.get('key'), id)
  await page.goBack()
  await dialog(page).waitFor({ state: 'detached' })
  assert.equal(new URL(page.url()).search, '')
  await page.goForward()
  await dialog(page).getByRole('heading', { name: 'Production' }).waitFor()
  await page.reload()
  await dialog(page).getByRole('heading', { name: 'Production' }).waitFor()
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
  assert.equal(new URL(page.url()).search, '')
})

const leaked = (/** @type {Page} */ page) => page.locator('.leaked')

item(74, 'a leaked key is named above the list until that is dismissed', async ({ page, person }) => {
  await person.leaks(await person.hasKey('Old <b>script</b>', { environment: 'test' }))
  await person.leaks(await person.hasKey('Production'))
  await openKeys(page)
  const [newer, older] = [leaked(page).first(), leaked(page).last()]
  assert.match(`${await newer.textContent()}`, /“Production” \(sk_live_\w{4}\) was reported as leaked on .+ and revoked/)
  assert.match(`${await older.textContent()}`, /“Old <b>script<\/b>” \(sk_test_/)
  await button(newer, 'Dismiss').click()
  await button(leaked(page), 'Create a replacement…').click()
  assert.equal(await dialog(page).getByRole('textbox', { name: 'Name' }).inputValue(), 'Old <b>script</b>')
  assert.ok(await dialog(page).getByLabel('Test').isChecked())
  await page.keyboard.press('Escape')
  await page.reload()
  await leaked(page).getByText('Old <b>script</b>').waitFor()
  assert.equal(await leaked(page).count(), 1)
  await leaked(page).getByRole('link', { name: 'Show in Activity' }).click()
  await page.getByText('Leaked key revoked').waitFor()
})

item(74, 'a key that leaks while the list is open is named when the list is read again', async ({ page, person }) => {
  const issued = await person.hasKey('Production')
  await person.hasKey('Staging')
  await openKeys(page)
  await row(page, 'Production').waitFor()
  await person.leaks(issued)
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await leaked(page).getByText('Production').waitFor()
  await row(page, 'Production').waitFor({ state: 'detached' })
})

item(74, 'without scripts a leaked key is named, too', async ({ page, person }) => {
  await person.leaks(await person.hasKey('Production'))
  await page.goto('/account/api-keys')
  await leaked(page).getByText('was reported as leaked').waitFor()
}, { context: { javaScriptEnabled: false } })
