import { strict as assert } from 'node:assert'

import { eventually, item } from './harness.mjs'
import { fill } from './states_shown.mjs'
import {
  assertFits, assertNothingOverlaps, button, clipboard, copyAndClose, create, createButton, dialog, isFocused, KEYS, later, nameField, openCreate, openKeys, question, row, rows, theKey,
} from './steps.mjs'

/** What has the focus, by what a screen reader would call it. */
const focused = page => page.evaluate(() => {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  const named = element.labels?.[0] ?? element
  return (element.getAttribute('aria-label') ?? named.textContent).trim().replace(/\s+/g, ' ')
})

/** Presses Tab until the focus is on what is called so. */
async function tabTo(page, name) {
  for (let presses = 0; presses < 60; presses += 1) {
    if (name.test(await focused(page))) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab never comes to ${name}; it is at ${await focused(page)}`)
}

async function chooseByKeyboard(page, button, item) {
  await tabTo(page, button)
  await page.keyboard.press('Enter')
  await page.getByRole('menu').waitFor()
  for (let presses = 0; presses < 10 && !item.test(await focused(page)); presses += 1) await page.keyboard.press('ArrowDown')
  assert.match(await focused(page), item)
  await page.keyboard.press('Enter')
}

item(35, 'from signing up to revoking, the keyboard alone will do', async ({ page, person, server }) => {
  await page.goto('/sign-up')
  await page.keyboard.type(`keyboard${Date.now()}@example.com`)
  await page.keyboard.press('Tab')
  await page.keyboard.type('correct horse battery staple')
  await page.keyboard.press('Enter')
  await page.waitForURL(KEYS)
  await tabTo(page, /^Create API key$/)
  await page.keyboard.press('Enter')
  await dialog(page).waitFor()
  await page.keyboard.type('Production')
  await page.keyboard.press('Enter')
  await theKey(page).waitFor()
  const first = await theKey(page).inputValue()
  await tabTo(page, /^Copy key$/)
  await page.keyboard.press('Enter')
  await eventually(async () => assert.equal(await clipboard(page), first))
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })

  await chooseByKeyboard(page, /^Actions for Production$/, /^Rotate/)
  await dialog(page).waitFor()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await theKey(page).waitFor()
  const second = await theKey(page).inputValue()
  await page.keyboard.press('Control+C')
  await eventually(async () => assert.equal(await clipboard(page), second))
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
  assert.equal(await person.verify(second), 200)

  await chooseByKeyboard(page, /^Actions for Production$/, /^Revoke…/)
  await question(page).waitFor()
  await tabTo(page, /^Revoke key$/)
  await page.keyboard.press('Enter')
  await question(page).waitFor({ state: 'detached' })
  assert.deepEqual([await person.verify(first), await person.verify(second)], [401, 200])
  assert.equal(await rows(page).count(), 1)
}, { signedIn: false })

item(35, 'a dialog is modal, labelled, and gives the focus back to what opened it', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  await openCreate(page)
  assert.ok(await dialog(page).evaluate(it => it.matches('dialog:modal')))
  assert.ok(await page.getByRole('dialog', { name: 'Create API key' }).isVisible())
  for (let presses = 0; presses < 15; presses += 1) {
    await page.keyboard.press('Tab')
    const isInside = await dialog(page).evaluate(it => it.contains(it.getRootNode().activeElement) || document.activeElement === document.body)
    assert.ok(isInside, `Tab leaves the dialog for ${await focused(page)}`)
  }
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
  assert.ok(await isFocused(createButton(page)))
  for (const action of ['Details', 'Change expiry…', 'Rotate…']) {
    await button(page, 'Actions for Production').click()
    await page.getByRole('menuitem', { name: action }).click()
    await dialog(page).waitFor()
    await page.keyboard.press('Escape')
    await dialog(page).waitFor({ state: 'detached' })
    assert.ok(await isFocused(button(page, 'Actions for Production')), action)
  }
})

item(35, 'the menu of a row goes by the pattern of a menu button', async ({ page, person }) => {
  await person.hasKey('Production')
  await openKeys(page)
  const opener = button(page, 'Actions for Production')
  assert.equal(await opener.getAttribute('aria-haspopup'), 'menu')
  assert.equal(await opener.getAttribute('aria-expanded'), 'false')
  await opener.focus()
  await page.keyboard.press('ArrowDown')
  assert.equal(await opener.getAttribute('aria-expanded'), 'true')
  const items = page.getByRole('menuitem')
  const at = async place => assert.ok(await isFocused(place))
  await at(items.first())
  await page.keyboard.press('ArrowUp')
  await at(items.last())
  await page.keyboard.press('ArrowDown')
  await at(items.first())
  await page.keyboard.press('End')
  await at(items.last())
  await page.keyboard.press('Home')
  await at(items.first())
  await page.keyboard.press('c')
  await at(page.getByRole('menuitem', { name: 'Change expiry…' }))
  await page.keyboard.press('Escape')
  await page.getByRole('menu').waitFor({ state: 'detached' })
  await at(opener)
  assert.equal(await opener.getAttribute('aria-expanded'), 'false')
})

item(36, 'what can be pressed is 24 px or more each way, also in small windows', async ({ page, person }) => {
  await fill(person)
  for (const width of [1200, 320]) {
    await page.setViewportSize({ width, height: 700 })
    await openKeys(page)
    const small = await page.getByRole('button').or(page.getByRole('checkbox')).or(page.getByRole('switch')).evaluateAll(all => all
      .filter(it => it.checkVisibility() && !it.closest('.relation') && !it.matches('time *, .time'))
      .map(it => [it.getAttribute('aria-label') ?? it.textContent, (it.closest('label') ?? it).getBoundingClientRect()])
      .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24))
      .map(([name, { width, height }]) => `${name}: ${width} x ${height}`))
    assert.deepEqual(small, [], `at ${width} px`)
  }
})

item(36, 'what has the focus shows it, and nothing covers it', async ({ page, person }) => {
  await fill(person)
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 700 })
    await openKeys(page)
    for (let presses = 0; presses < 50; presses += 1) {
      await page.keyboard.press('Tab')
      assert.equal(await page.evaluate(focusComplaint), null, `at ${width} px`)
    }
  }
})

function focusComplaint() {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  if (element === document.body || element === document.documentElement) return null
  const box = element.getBoundingClientRect()
  const at = element.getRootNode().elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
  const isSeen = at && (element.contains(at) || at.contains(element) || at.closest('label')?.contains(element))
  const isClipped = it => it && (getComputedStyle(it).clipPath !== 'none' || isClipped(it.parentElement))
  const isMarked = [element, element.closest('label'), element.parentElement].filter(Boolean)
    .some(it => getComputedStyle(it).outlineStyle !== 'none' && parseFloat(getComputedStyle(it).outlineWidth) >= 2)
  return isSeen && isMarked && !isClipped(element) ? null
    : `${element.outerHTML.slice(0, 120)}: seen ${Boolean(isSeen)}, clipped ${isClipped(element)}, marked ${isMarked}`
}

item(37, 'every row of the list is equally high, also of a key that replaces another or is replaced', async ({ page, person }) => {
  await fill(person)
  await person.hasKey('A name that is much longer than the column of names is wide '.repeat(2).slice(0, 100).trim(), { environment: 'test' })
  for (const width of [1400, 1180, 1100]) {
    await page.setViewportSize({ width, height: 900 })
    await openKeys(page)
    await page.getByText('Replaced by').waitFor()
    const heights = await rows(page).evaluateAll(all => all.map(it => it.getBoundingClientRect().height))
    assert.deepEqual([...new Set(heights)], [44], `at ${width} px`)
  }
})

item(37, 'the list is a table with a caption and headers that say what they head', async ({ page, person }) => {
  await fill(person)
  await openKeys(page)
  const table = page.getByRole('table', { name: 'API keys' })
  assert.equal(await table.evaluate(it => it.localName), 'table')
  assert.ok(await table.locator('caption').count())
  const scopes = await table.locator('th').evaluateAll(all => all.map(it => it.scope))
  assert.ok(scopes.every(scope => scope === 'col' || scope === 'row'))
  assert.equal(scopes.filter(scope => scope === 'row').length, await rows(page).count())
})

item(37, 'below 640 px the rows are cards that keep their labels', async ({ page, person }) => {
  await person.hasKey('Production')
  for (const width of [639, 320]) {
    await page.setViewportSize({ width, height: 700 })
    await openKeys(page)
    await assertFits(page)
    const card = row(page, 'Production')
    const labels = await card.getByRole('cell').evaluateAll(all => all
      .map(it => getComputedStyle(it, '::before').content.replace(/"/g, '')).filter(it => it && it !== 'none' && it !== 'normal'))
    for (const label of ['Key', 'Created', 'Last used', 'Expires', 'Status']) assert.ok(labels.some(it => it.includes(label)), `${label} in ${labels}`)
    const name = await card.getByRole('rowheader').boundingBox()
    const cell = await card.getByRole('cell').filter({ hasText: 'sk_live_' }).boundingBox()
    assert.ok(cell.y >= name.y + name.height - 1, 'cells stand beneath each other')
    assert.ok(await page.getByRole('table', { name: 'API keys' }).count(), 'and it still is a table')
  }
})

item(37, 'nothing lies on something else, however narrow the window', async ({ page, person }) => {
  await fill(person)
  await later(page, 59)
  for (const width of [1200, 820, 640, 400, 320]) {
    await page.setViewportSize({ width, height: 700 })
    for (const path of ['/account/profile', KEYS, '/account/usage', '/account/activity', '/docs']) {
      await page.goto(path)
      await assertFits(page, `${path} at ${width} px`)
      await assertNothingOverlaps(page, `${path} at ${width} px`)
    }
  }
})

item(37, 'a long name in a narrow window widens nothing', async ({ page, person }) => {
  await person.hasKey('W'.repeat(100))
  await person.hasKey('鍵'.repeat(100))
  for (const width of [1200, 700, 320]) {
    await page.setViewportSize({ width, height: 700 })
    await openKeys(page)
    await assertFits(page)
  }
})

const background = page => page.evaluate(() => getComputedStyle(document.body).backgroundColor)

item(38, 'the theme is the system’s, or the one that was chosen, from the first paint on', async ({ page }) => {
  await openKeys(page)
  const light = await background(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  const dark = await background(page)
  assert.notEqual(dark, light)
  await page.locator('.who').click()
  await page.getByRole('radio', { name: 'Light' }).check({ force: true })
  assert.equal(await background(page), light)
  await page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (!document.body) return
      observer.disconnect()
      globalThis.themeAtFirst = document.documentElement.dataset.theme
    })
    observer.observe(document, { childList: true, subtree: true })
  })
  await page.reload()
  assert.equal(await page.evaluate(() => globalThis.themeAtFirst), 'light', 'chosen before there is a body')
  assert.equal(await background(page), light)
  await page.goto('/docs')
  assert.equal(await background(page), light)
  await page.getByRole('radio', { name: 'System' }).check({ force: true })
  assert.equal(await background(page), dark)
})

item(38, 'who wants less motion gets none', async ({ page }) => {
  await openKeys(page)
  await create(page, 'Production')
  await copyAndClose(page)
  await row(page, 'Production').waitFor()
  const moving = await page.evaluate(() => document.getAnimations()
    .map(it => it.effect.getComputedTiming()).filter(({ duration, iterations }) => duration * iterations > 1).length)
  assert.equal(moving, 0)
}, { context: { reducedMotion: 'reduce' } })

item(38, 'in forced colours everything that can be pressed keeps its border', async ({ page, person }) => {
  await fill(person)
  await openKeys(page)
  const borderless = place => place.evaluateAll(all => all.filter(it => it.checkVisibility()).filter(it => {
    const style = getComputedStyle(it)
    const sides = ['Top', 'Right', 'Bottom', 'Left']
    return !sides.every(side => style[`border${side}Style`] !== 'none' && parseFloat(style[`border${side}Width`]) >= 1
      && !/rgba\(.*, 0\)|transparent/.test(style[`border${side}Color`]) && style[`border${side}Color`] !== style.backgroundColor)
  }).map(it => it.getAttribute('aria-label') ?? it.textContent))
  assert.deepEqual(await borderless(createButton(page).or(page.getByRole('switch')).or(page.getByRole('searchbox')).or(page.getByRole('combobox'))), [])
  await openCreate(page)
  assert.deepEqual(await borderless(dialog(page).getByRole('button', { name: /Create|Cancel/ }).or(nameField(page))), [])
}, { context: { forcedColors: 'active' } })

item(38, 'in forced colours the current tab and the state of a switch are seen', async ({ page, person }) => {
  const { id } = await person.hasKey('Off')
  await person.json('PATCH', `/api/v1/api-keys/${id}`, { enabled: false })
  await person.hasKey('On')
  await openKeys(page)
  await page.evaluate(() => document.activeElement?.blur())
  const [on, off] = await Promise.all(['On', 'Off'].map(name => row(page, name).getByRole('switch').screenshot()))
  assert.ok(!on.equals(off), 'the switch')
  const [here, there] = await page.getByRole('navigation', { name: 'Account' }).getByRole('link').evaluateAll(all =>
    [all[1], all[0]].map(it => [getComputedStyle(it).borderBottom, getComputedStyle(it).backgroundColor, getComputedStyle(it).color].join()))
  assert.notEqual(here, there, 'the tab')
}, { context: { forcedColors: 'active' } })

item(39, 'without JavaScript the list is read', async ({ page, person }) => {
  await fill(person)
  await page.goto(KEYS)
  const [{ keyPrefix }] = await person.keys()
  const table = page.getByRole('table')
  assert.match(await table.textContent(), new RegExp(`Server-side app.*${keyPrefix}`, 's'))
  assert.equal(await table.locator('tbody tr').count(), 6)
  assert.ok(await table.isVisible())
  await page.getByText(/JavaScript/).first().waitFor()
}, { context: { javaScriptEnabled: false } })

item(39, 'without JavaScript signing in, signing up and the profile say what they need', async ({ page, person }) => {
  for (const path of ['/sign-in', '/sign-up']) {
    await page.goto(path)
    await page.getByText(/needs JavaScript/).waitFor()
  }
  await page.context().addCookies([person.cookie()])
  await page.goto('/account/profile')
  await page.getByText(/password needs JavaScript/).waitFor()
  await page.goto('/account/activity')
  await page.getByRole('table').getByText('Account created').waitFor()
}, { signedIn: false, context: { javaScriptEnabled: false } })

item(39, 'the first paint of the list asks for no data', async ({ page, person, watch }) => {
  await person.hasKey('Production')
  const { length } = watch.requests
  await openKeys(page)
  await row(page, 'Production').waitFor()
  assert.deepEqual(watch.requests.slice(length).filter(url => new URL(url).pathname.startsWith('/api/')), [])
})
