// Times are those of the server's clock, whatever the reader's says.
import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { button, chooseAction, copyAndClose, dialog, nameField, openCreate, openKeys, row, rows, setReadersClock, theKey } from './steps.mjs'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const OFF = { 'a day ahead': 24 * 60, 'a day behind': -24 * 60, 'two hours ahead': 120, 'two hours behind': -120 }
const away = (at, from) => Math.abs(Date.parse(at) - from)

for (const [how, minutes] of Object.entries(OFF)) {
  item(44, `with the reader’s clock ${how}, states and times are the server’s`, async ({ page, person }) => {
    await person.hasKey('Soon over', { expiresAt: new Date(Date.now() + 10 * MINUTE).toISOString() })
    await person.hadKey('Over')
    await person.uses(await person.hasKey('Used'))
    await setReadersClock(page, minutes)
    await openKeys(page)
    await row(page, 'Soon over').getByText('Active', { exact: true }).waitFor()
    await row(page, 'Soon over').getByText(/in (10|9)m/).waitFor()
    await row(page, 'Over').getByText('Expired', { exact: true }).waitFor()
    assert.equal(await row(page, 'Used').getByText(/just now|in a moment/).count(), 2, 'created and used')
    assert.equal(await rows(page).getByText(/in 1d|1d ago|in 2h|2h ago/).count(), 0)
    await button(page, 'Actions for Soon over').click()
    await page.getByRole('menuitem', { name: 'Rotate…' }).waitFor()
    await page.keyboard.press('Escape')
    await chooseAction(page, 'Used', 'Revoke…')
    await page.getByRole('alertdialog').getByRole('textbox').waitFor()
  })

  item(44, `with the reader’s clock ${how}, “In 7 days” is seven days of the server’s`, async ({ page, person }) => {
    await setReadersClock(page, minutes)
    await openKeys(page)
    await openCreate(page)
    await nameField(page).fill('Production')
    await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'In 7 days' })
    await nameField(page).press('Enter')
    await theKey(page).waitFor()
    await copyAndClose(page)
    const [{ expiresAt, createdAt }] = await person.keys()
    assert.ok(away(expiresAt, Date.parse(createdAt) + 7 * DAY) < MINUTE, expiresAt)
    await row(page, 'Production').getByText('in 7d').waitFor()
    await chooseAction(page, 'Production', 'Rotate…')
    await dialog(page).getByLabel('After 1 hour').check()
    await button(dialog(page), 'Rotate key').click()
    await theKey(page).waitFor()
    await copyAndClose(page)
    assert.match(await rows(page).filter({ hasText: 'Replaced by' }).textContent(), /in (59m|1h)/)
  })
}

item(44, 'a clock that jumps while the page is open moves nothing', async ({ page, person }) => {
  await person.hasKey('Production', { expiresAt: new Date(Date.now() + 61 * MINUTE).toISOString() })
  await openKeys(page)
  await setReadersClock(page, 2 * 24 * 60)
  await page.getByRole('searchbox').fill('Prod')
  await row(page, 'Production').getByText('in 1h').waitFor()
  await row(page, 'Production').getByText('Active', { exact: true }).waitFor()
  await setReadersClock(page, -2 * 24 * 60)
  await page.getByRole('searchbox').fill('Produ')
  await row(page, 'Production').getByText(/just now|1m ago/).waitFor()
  await row(page, 'Production').getByText('in 1h').waitFor()
})

item(44, 'activity is told from the server’s now', async ({ page, person }) => {
  await person.hasKey('Production')
  await setReadersClock(page, 24 * 60)
  await page.goto('/account/activity')
  await eventually(async () => {
    const [first] = await page.locator('.trail time').allTextContents()
    assert.match(first, /just now|in a moment/)
  })
})

item(44, 'a day that is over for the server can’t be chosen, whatever the reader’s clock says', async ({ page }) => {
  await setReadersClock(page, -3 * 24 * 60)
  await openKeys(page)
  await openCreate(page)
  await dialog(page).getByLabel('Expires', { exact: true }).selectOption({ label: 'Custom date…' })
  const date = page.getByLabel('Expires at the end of')
  const today = new Date()
  const two = number => String(number).padStart(2, '0')
  assert.equal(await date.getAttribute('min'), `${today.getFullYear()}-${two(today.getMonth() + 1)}-${two(today.getDate())}`)
}, { context: { timezoneId: process.env.TZ ?? Intl.DateTimeFormat().resolvedOptions().timeZone } })
