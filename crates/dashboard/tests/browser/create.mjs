import { strict as assert } from 'node:assert'

import { eventually, item, WHOLE_KEY } from './harness.mjs'
import {
  button, clipboard, copyAndClose, create, createButton, description, dialog, isFocused, KEYS, nameField, openCreate, openKeys, row, rows, said, theKey,
} from './steps.mjs'

const NOTICE = 'Copy it now. You won’t be able to see it again.'

item(1, 'the tabs of Account are links, found again by address, reload and Back', async ({ page }) => {
  const tabs = page.getByRole('navigation', { name: 'Account' })
  const current = () => tabs.locator('[aria-current="page"]').textContent()
  await page.goto('/account')
  assert.equal((await current()).trim(), 'Profile')
  await tabs.getByRole('link', { name: 'API Keys' }).click()
  await page.waitForURL(KEYS)
  assert.equal((await current()).trim(), 'API Keys')
  assert.equal(await tabs.getByRole('link', { name: 'API Keys' }).locator('svg').count(), 1, 'its icon')
  await page.reload()
  assert.equal((await current()).trim(), 'API Keys')
  await tabs.getByRole('link', { name: 'Usage' }).click()
  await page.waitForURL('/account/usage')
  assert.equal((await current()).trim(), 'Usage')
  await page.goBack()
  await tabs.getByRole('link', { name: 'Activity' }).click()
  await page.waitForURL('/account/activity')
  await page.goBack()
  assert.equal((await current()).trim(), 'API Keys')
  assert.equal(await tabs.getByRole('tab').count(), 0, 'links, not a tablist')
  const sidebar = page.getByRole('navigation', { name: 'Main' })
  assert.equal(await sidebar.getByRole('link', { name: 'Account' }).getAttribute('href'), '/account')
})

item(2, 'one button creates a key, top right and in the empty list', async ({ page, person }) => {
  await openKeys(page)
  for (const each of await createButton(page).all()) {
    await each.click()
    await dialog(page).getByRole('heading', { name: 'Create API key' }).waitFor()
    await page.keyboard.press('Escape')
    await dialog(page).waitFor({ state: 'detached' })
  }
  await person.hasKey('Production')
  await openKeys(page)
  await row(page, 'Production').waitFor()
  assert.equal(await createButton(page).count(), 1)
  const [itsBox, tableBox] = [await createButton(page).boundingBox(), await page.getByRole('table').boundingBox()]
  assert.ok(itsBox.y < tableBox.y, 'above the list')
  assert.ok(Math.abs(itsBox.x + itsBox.width - tableBox.x - tableBox.width) < 4, 'at its right end')
})

item(3, 'the name has the focus, is counted from 80 characters, and has at most 100', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  const name = nameField(page)
  assert.ok(await isFocused(name))
  await name.fill('x'.repeat(79))
  assert.doesNotMatch(await description(name), /79/)
  await name.fill('x'.repeat(80))
  assert.match(await description(name), /80 of 100 characters/)
  await name.fill('🗝'.repeat(101))
  await page.keyboard.press('Enter')
  await eventually(async () => assert.match(await description(name), /100 characters or fewer/))
  assert.equal(await name.getAttribute('aria-invalid'), 'true')
  await name.fill('   ')
  await page.keyboard.press('Enter')
  await eventually(async () => assert.match(await description(name), /Give the key a name/))
  assert.ok(await isFocused(name))
  await name.fill(`  ${'🗝'.repeat(100)} `)
  await page.keyboard.press('Enter')
  await theKey(page).waitFor()
  assert.equal((await person.keys())[0].name, '🗝'.repeat(100))
})

item(3, 'what was typed stays after the server refused it, and its reason is tied to the field', async ({ page }) => {
  await openKeys(page)
  await openCreate(page)
  const name = nameField(page)
  await name.fill('Production\u202e')
  await dialog(page).getByLabel('Test').check()
  await page.keyboard.press('Enter')
  await eventually(async () => assert.match(await description(name), /name must not contain control/))
  await page.getByRole('alert').getByText(/name must not contain control/).waitFor()
  assert.equal(await name.inputValue(), 'Production\u202e')
  assert.ok(await dialog(page).getByLabel('Test').isChecked())
}, { expected: [/400 \(Bad Request\)/] })

item(4, 'however often somebody submits, one key is created', async ({ page, person }) => {
  let posts = 0
  let answer
  const answered = new Promise(resolve => { answer = resolve })
  await openKeys(page)
  await page.route('**/api/v1/api-keys', async route => {
    if (route.request().method() === 'POST') {
      posts += 1
      await answered
    }
    await route.continue()
  })
  await openCreate(page)
  await nameField(page).fill('Production')
  const submit = button(dialog(page), 'Create API key')
  await submit.dblclick()
  await nameField(page).press('Enter')
  const busy = dialog(page).getByRole('button', { name: 'Creating…' })
  await busy.waitFor()
  assert.ok(await busy.evaluate(it => it.disabled || it.getAttribute('aria-disabled') === 'true'))
  await nameField(page).press('Enter')
  answer()
  await theKey(page).waitFor()
  assert.equal(posts, 1)
  assert.equal((await person.keys()).length, 1)
})

item(5, 'the dialog that created the key shows it, selected and once', async ({ page, person }) => {
  await openKeys(page)
  await openCreate(page)
  const before = await dialog(page).elementHandle()
  await nameField(page).fill('Production')
  await page.keyboard.press('Enter')
  await theKey(page).waitFor()
  assert.ok(await before.evaluate(it => it.isConnected && it.open), 'the same dialog')
  assert.equal(await dialog(page).count(), 1)
  await dialog(page).getByText(NOTICE).waitFor()
  const key = await theKey(page).inputValue()
  assert.match(key, WHOLE_KEY)
  assert.equal(await person.verify(key), 200)
  const field = await theKey(page).evaluate(it => ({
    readOnly: it.readOnly,
    font: getComputedStyle(it).fontFamily,
    selected: it.value.slice(it.selectionStart, it.selectionEnd),
    cut: it.scrollWidth > it.clientWidth,
  }))
  assert.deepEqual(field, { readOnly: true, font: field.font, selected: key, cut: false })
  assert.match(field.font, /mono/)
  await button(dialog(page), 'Copy key').waitFor()
})

item(6, 'copying says so, in words, by an icon and aloud, for two seconds', async ({ page }) => {
  await page.clock.install()
  await openKeys(page)
  const key = await create(page, 'Production')
  const copy = button(dialog(page), 'Copy key')
  const icon = await copy.locator('svg').innerHTML()
  await page.clock.pauseAt(Date.now() + 60_000)
  await copy.click()
  const copied = button(dialog(page), 'Copied')
  await copied.waitFor()
  assert.notEqual(await copied.locator('svg').innerHTML(), icon)
  assert.equal(await clipboard(page), key)
  await page.clock.runFor(1_900)
  assert.match(await said(page), /Copied/)
  assert.ok(await copied.isVisible())
  await page.clock.runFor(200)
  await copy.waitFor()
})

/** As on plain http: no Clipboard API, and where `isOldWayToo` the older command does nothing either. */
const withoutClipboard = (page, isOldWayToo) => page.evaluate(async isOldWayToo => {
  await navigator.clipboard.writeText('something else')
  Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined, configurable: true })
  if (isOldWayToo) document.execCommand = () => false
}, isOldWayToo)

/** What a page with the Clipboard API reads. */
async function clipboardElsewhere(page) {
  const other = await page.context().newPage()
  await other.goto('/sign-in')
  const text = await clipboard(other)
  await other.close()
  await page.bringToFront()
  return text
}

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true }

for (const [where, context] of [['with a mouse', {}], ['on a phone', PHONE]]) {
  item(6, `without the Clipboard API the key is copied all the same, ${where}`, async ({ page }) => {
    await openKeys(page)
    const key = await create(page, 'Production')
    await withoutClipboard(page, false)
    const copy = dialog(page).getByRole('button', { name: 'Copy key' })
    await (context.hasTouch ? copy.tap() : copy.click())
    await button(dialog(page), 'Copied').waitFor()
    assert.equal(await clipboardElsewhere(page), key)
    await button(dialog(page), 'Copy as .env line').click()
    await button(dialog(page).locator('.snippets .copy-row'), 'Copied').waitFor()
    assert.equal(await clipboardElsewhere(page), `PRODUCTION_API_KEY=${key}`)
    assert.equal(await dialog(page).locator('textarea').count(), 0, 'nothing of it stays')
    await button(dialog(page), 'Done').click()
    await dialog(page).waitFor({ state: 'detached' })
  }, { context })
}

item(6, 'on a phone that lets no page copy, the key is selected, and what to do is said', async ({ page }) => {
  await openKeys(page)
  const key = await create(page, 'Production')
  await withoutClipboard(page, true)
  await dialog(page).getByRole('button', { name: 'Copy key' }).tap()
  await button(dialog(page), 'Hold the selected text, then tap Copy').waitFor()
  await eventually(async () => assert.match(await said(page), /Hold the selected text/))
  assert.equal(await theKey(page).evaluate(it => it.value.slice(it.selectionStart, it.selectionEnd)), key)
  assert.equal(await dialog(page).getByText(/Ctrl/).count(), 0)
}, { context: PHONE })

item(6, 'whatever holds the key counts as copied when somebody copies it by hand', async ({ page }) => {
  await openKeys(page)
  const key = await create(page, 'Production')
  await withoutClipboard(page, true)
  await button(dialog(page), 'Copy as .env line').click()
  await button(dialog(page), 'Press Ctrl+C to copy').waitFor()
  await page.keyboard.press('Control+C')
  assert.equal(await clipboardElsewhere(page), `PRODUCTION_API_KEY=${key}`)
  await button(dialog(page), 'Done').click()
  await dialog(page).waitFor({ state: 'detached' })
})

item(6, 'where no page may copy, the key is selected for Ctrl+C, which counts as copied', async ({ page }) => {
  await openKeys(page)
  const key = await create(page, 'Production')
  await withoutClipboard(page, true)
  await dialog(page).getByRole('button', { name: 'Copy key' }).click()
  await button(dialog(page), 'Press Ctrl+C to copy').waitFor()
  await eventually(async () => assert.match(await said(page), /Press Ctrl\+C/))
  assert.ok(await isFocused(theKey(page)))
  await page.keyboard.press('Control+C')
  assert.equal(await clipboardElsewhere(page), key)
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
})

item(9, 'the list shows the prefix and dots; what a row copies is the prefix', async ({ page, person }) => {
  const { keyPrefix } = await person.hasKey('Production')
  await openKeys(page)
  const cell = row(page, 'Production').getByText(keyPrefix, { exact: true })
  await cell.waitFor()
  assert.ok((await row(page, 'Production').textContent()).includes(`${keyPrefix}••••`))
  assert.match(await cell.evaluate(it => getComputedStyle(it).fontFamily), /mono/)
  const names = await row(page, 'Production').getByRole('button').evaluateAll(all =>
    all.map(it => it.getAttribute('aria-label') ?? it.textContent))
  assert.deepEqual(names.filter(name => /show|reveal|view key/i.test(name)), [])
  await row(page, 'Production').getByRole('button', { name: /Copy the prefix/ }).click()
  await eventually(async () => assert.match(await said(page), /Prefix copied/))
  assert.equal(await clipboard(page), keyPrefix)
})

item(10, 'a new key is the first row at once, highlighted for a moment, and announced', async ({ page, person }) => {
  await person.hasKey('Staging')
  await openKeys(page)
  await page.evaluate(() => { globalThis.sameDocument = true })
  const plain = await rows(page).first().evaluate(look)
  await create(page, 'Production')
  await copyAndClose(page)
  await rows(page).first().getByRole('rowheader', { name: 'Production' }).waitFor()
  assert.notEqual(await rows(page).first().evaluate(look), plain, 'it is highlighted')
  await eventually(async () => assert.match(await said(page), /Production was created/))
  assert.equal(await rows(page).count(), 2)
  assert.ok(await page.evaluate(() => globalThis.sameDocument))
  await page.waitForTimeout(5_000)
  assert.equal(await rows(page).first().evaluate(look), plain, 'only for a moment')
})

function look(row) {
  const own = getComputedStyle(row)
  const cell = getComputedStyle(row.cells[0])
  return [own.backgroundColor, own.outlineStyle, own.boxShadow, cell.backgroundColor, cell.boxShadow].join()
}
