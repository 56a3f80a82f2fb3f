// The pages with the look of another product.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

import { eventually, item } from './harness.mjs'
import { assertFits, assertNothingOverlaps, copyAndClose, create, createButton, dialog, openKeys } from './steps.mjs'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-product-'))
after(() => rmSync(folder, { recursive: true }))
const logo = join(folder, 'logo.svg')
writeFileSync(logo, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 24" onload="document.title = 'ran'">
  <style>rect { fill: #facc15 }</style><rect width="96" height="24" rx="4"/><script>document.title = 'ran'</script></svg>`)

const settings = {
  LATCHKEY_BRAND_NAME: 'Peek & "Shot"',
  LATCHKEY_BRAND_LOGO: logo,
  LATCHKEY_BRAND_COLOR: '#facc15,#a16207',
  LATCHKEY_BRAND_DOCS_URL: 'https://docs.example.com/start',
  LATCHKEY_BRAND_SUPPORT_URL: 'mailto:help@example.com',
  LATCHKEY_EXAMPLE_REQUEST: `POST https://api.example.com/v1/shots {"it's":"<b>&"}`,
}
const PAGES = ['/account/profile', '/account/api-keys', '/account/usage', '/account/activity', '/docs', '/no-such-page']

item(59, 'every page bears the product’s name, logo and colour', async ({ page }) => {
  const check = async path => {
    await page.goto(path)
    assert.ok((await page.title()).endsWith(' · Peek & "Shot"'), `${path}: ${await page.title()}`)
    const brand = page.locator('.brand')
    assert.equal((await brand.innerText()).trim(), 'Peek & "Shot"', path)
    const image = brand.locator('img')
    const { width, height } = await image.evaluate(it => ({ width: it.naturalWidth / it.naturalHeight, height: it.height }))
    assert.ok(width > 3.9 && height >= 24, `${path} shows the logo in its proportions: ${width}`)
    assert.equal((await image.boundingBox()).width, height * 4, path)
    assert.match(await image.getAttribute('src'), /^\/assets\/[0-9a-f]{16}\/logo\.svg$/)
    assert.doesNotMatch(path === '/docs' ? '' : await page.locator('body').innerText(), /Latchkey/, path)
  }
  for (const path of PAGES) await check(path)
  const colours = async () => {
    await openKeys(page)
    return createButton(page).first().evaluate(it => ({ ground: getComputedStyle(it).backgroundColor, text: getComputedStyle(it).color }))
  }
  await page.emulateMedia({ colorScheme: 'light' })
  assert.deepEqual(await colours(), { ground: 'rgb(250, 204, 21)', text: 'rgb(0, 0, 0)' })
  await page.emulateMedia({ colorScheme: 'dark' })
  assert.deepEqual(await colours(), { ground: 'rgb(161, 98, 7)', text: 'rgb(255, 255, 255)' })
  await page.context().clearCookies()
  for (const path of ['/sign-in', '/sign-up']) await check(path)
}, { settings, expected: [/404/] })

item(59, 'links lead to the product’s documentation and help, and files have its name', async ({ page }) => {
  await openKeys(page)
  const link = name => page.getByRole('link', { name })
  assert.equal(await link('View docs').getAttribute('href'), 'https://docs.example.com/start')
  assert.equal(await link('Documentation').getAttribute('href'), 'https://docs.example.com/start')
  assert.equal(await link('Support').getAttribute('href'), 'mailto:help@example.com')
  assert.equal(await link('API reference').count(), 0)
  await create(page, 'Production')
  const code = await dialog(page).getByRole('tabpanel').innerText()
  assert.ok(code.startsWith('curl -X POST https://api.example.com/v1/shots '), code)
  assert.ok(code.includes(`-d '{"it'\\''s":"<b>&"}'`), code)
  await copyAndClose(page)
  await page.goto('/account/activity')
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export CSV' }).click()])
  assert.match(file.suggestedFilename(), /^peek-shot-activity-\d{4}-\d\d-\d\d\.csv$/)
}, { settings })

item(59, 'a logo runs no script, also where it is opened by itself', async ({ page }) => {
  await page.goto('/account/profile')
  const src = await page.locator('.brand img').getAttribute('src')
  const answer = await page.request.get(src)
  assert.equal(answer.headers()['content-type'], 'image/svg+xml')
  assert.match(answer.headers()['content-security-policy'], /default-src 'none';.*sandbox/)
  await page.goto(src)
  await page.waitForTimeout(200)
  assert.notEqual(await page.evaluate(() => document.title), 'ran')
  await eventually(async () => assert.equal(await page.evaluate(() => document.documentElement.localName), 'svg'))
}, { settings, expected: [/Content Security Policy|sandboxed|Blocked script/] })

for (const locale of ['en', 'de']) {
  item(59, `on a phone the product’s links have room beside its logo (${locale})`, async ({ page }) => {
    for (const path of ['/account/profile', '/account/api-keys']) {
      await page.goto(path)
      await assertFits(page, path)
      await assertNothingOverlaps(page, path)
    }
  }, { settings, context: { locale, viewport: { width: 320, height: 600 } } })
}
