// @ts-check
// What a person does on the pages, and what a test can see of them.
import { strict as assert } from 'node:assert'

/** @import { Locator, Page } from 'playwright-core' */

export const KEYS = '/account/api-keys'
/** The call that lists all keys. */
export const ALL_KEYS = /\/api\/v1\/api-keys(\?include=usage)?$/

/** @param {Page} page */
export async function openKeys(page, query = '') {
  await page.goto(KEYS + query)
  await createButton(page).first().waitFor()
}

export const createButton = (/** @type {Page} */ page) => page.getByRole('button', { name: 'Create API key' })
export const dialog = (/** @type {Page} */ page) => page.getByRole('dialog')
export const question = (/** @type {Page} */ page) => page.getByRole('alertdialog')
export const theKey = (/** @type {Page} */ page) => page.getByRole('textbox', { name: 'API key' })
export const nameField = (/** @type {Page} */ page) => dialog(page).getByRole('textbox', { name: 'Name' })
export const status = (/** @type {Page} */ page) => page.getByRole('status')
export const rows = (/** @type {Page} */ page) => page.locator('tbody').getByRole('row')
/** @param {Page} page @param {string | RegExp} name */
export const row = (page, name) => rows(page).filter({ has: page.getByRole('rowheader', { name }) })
/** @param {Page | Locator} place @param {string} name */
export const button = (place, name) => place.getByRole('button', { name, exact: true })

/** Signs out by the menu of the account. @param {Page} page */
export async function signOut(page) {
  await page.locator('.who').click()
  await button(page, 'Sign out').click()
}

/** @param {Page} page */
export async function openCreate(page) {
  await createButton(page).first().click()
  await dialog(page).waitFor()
}

/** Creates a key with the dialog, up to the reveal. @param {Page} page @param {string} name */
export async function create(page, name) {
  await openCreate(page)
  await nameField(page).fill(name)
  await page.keyboard.press('Enter')
  await theKey(page).waitFor()
  return theKey(page).inputValue()
}

/** Leaves the reveal as one should. @param {Page} page */
export async function copyAndClose(page) {
  await button(dialog(page), 'Copy key').click()
  await button(dialog(page), 'Copied').waitFor()
  await button(dialog(page), 'Done').click()
  await dialog(page).waitFor({ state: 'detached' })
}

/** @param {Page} page @param {string} name @param {string} action */
export async function chooseAction(page, name, action) {
  await button(page, `Actions for ${name}`).click()
  await page.getByRole('menuitem', { name: action }).click()
}

export const clipboard = (/** @type {Page} */ page) => page.evaluate(() => navigator.clipboard.readText())

/** The words of every live region, which is what is read out. @param {Page} page */
export async function said(page) {
  return (await status(page).allTextContents()).join(' ')
}

export const isFocused = (/** @type {Locator} */ locator) => locator.evaluate(element => {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode())
  return root.activeElement === element
})

/** What a screen reader says after the name of a field. */
export const description = (/** @type {Locator} */ locator) => locator.evaluate(element => {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode())
  const ids = element.getAttribute('aria-describedby')?.split(' ') ?? []
  return ids.map(id => root.getElementById(id)?.textContent ?? '').join(' ').trim()
})

/** Everything that stands in the page: markup, shadow trees, and what is in fields. */
export const everythingIn = (/** @type {Page} */ page) => page.evaluate(() => {
  const parts = [location.href, JSON.stringify(history.state), document.documentElement.outerHTML]
  const visit = (/** @type {ParentNode} */ root) => {
    for (const element of root.querySelectorAll('*')) {
      if ('value' in element) parts.push(String(element.value))
      if (element.shadowRoot) {
        parts.push(element.shadowRoot.innerHTML)
        visit(element.shadowRoot)
      }
    }
  }
  visit(document)
  return parts.join('\n')
})

/** Everything the browser keeps for the page's origin. @param {Page} page */
export async function everythingStored(page) {
  const kept = await page.evaluate(async () => JSON.stringify({
    local: { ...localStorage },
    session: { ...sessionStorage },
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    addresses: performance.getEntries().map(entry => entry.name),
    window: window.name,
  }))
  return kept + JSON.stringify(await page.context().cookies())
}

/** No page scrolls sideways. @param {Page} page */
export async function assertFits(page, where = 'the page') {
  const { wide, room } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    room: innerWidth,
  }))
  assert.ok(wide <= room, `${where}: ${wide} px are wider than the window's ${room}`)
}

/** As if `minutes` had passed at the server: it tells pages and calls a later time. @param {Page} page @param {number} minutes */
export async function later(page, minutes) {
  const shifted = (/** @type {string} */ time) => new Date(Date.parse(time) + minutes * 60_000).toISOString()
  await page.route(/\/account\/|\/api\/v1\//, async route => {
    const response = await route.fetch({ maxRedirects: 0 })
    const headers = response.headers()
    if (headers['x-latchkey-time']) headers['x-latchkey-time'] = shifted(headers['x-latchkey-time'])
    if (!headers['content-type']?.startsWith('text/html')) return route.fulfill({ response, headers })
    delete headers['content-length']
    const body = (await response.text()).replace(/(?<= data-now=")[^"]+/, shifted)
    return route.fulfill({ response, headers, body })
  })
}

/** Sets the clock of the reader, which may be wrong, `minutes` ahead of what it says, for the pages to come and the one that is open. @param {Page} page @param {number} minutes */
export async function setReadersClock(page, minutes) {
  const set = (/** @type {number} */ away) => {
    const kept = /** @type {{ TrueDate?: DateConstructor }} */ (globalThis)
    const TrueDate = kept.TrueDate ??= Date
    class Shifted extends TrueDate {
      /** @param {ConstructorParameters<DateConstructor>} of */
      constructor(...of) {
        if (of.length > 0) super(...of)
        else super(TrueDate.now() + away)
      }

      static now() { return TrueDate.now() + away }
    }
    globalThis.Date = /** @type {DateConstructor} */ (Shifted)
  }
  await page.addInitScript(set, minutes * 60_000)
  await page.evaluate(set, minutes * 60_000)
}

/** Nothing that can be pressed lies on something else that can. @param {Page} page @param {string} [where] */
export async function assertNothingOverlaps(page, where) {
  const overlaps = await page.evaluate(() => {
    /** @type {HTMLElement[]} */
    const all = []
    const visit = (/** @type {ParentNode} */ root) => {
      /** @type {NodeListOf<HTMLElement>} */
      const pressed = root.querySelectorAll('a, button, select, input')
      all.push(...pressed)
      for (const element of root.querySelectorAll('*')) if (element.shadowRoot) visit(element.shadowRoot)
    }
    visit(document)
    /** @type {(it: Element | null) => boolean} */
    const isClipped = it => it !== null && (getComputedStyle(it).clipPath !== 'none' || isClipped(it.parentElement))
    const shown = all.filter(it => it.checkVisibility() && !it.closest('.password') && !isClipped(it)).map(it => ({ it, box: it.getBoundingClientRect() }))
    /** @type {(a: DOMRect, b: DOMRect) => boolean} */
    const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2
    const name = (/** @type {HTMLElement} */ it) => it.textContent?.trim() || it.getAttribute('name')
    return shown.flatMap((a, at) => shown.slice(at + 1)
      .filter(b => !a.it.contains(b.it) && meet(a.box, b.box))
      .map(b => `${name(a.it)} / ${name(b.it)}`))
  })
  assert.deepEqual(overlaps, [], where)
}
