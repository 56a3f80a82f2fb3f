import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

import { item, plainTest, test, tested } from './harness.mjs'
import { fill } from './states_shown.mjs'
import { create, dialog, openKeys, row } from './steps.mjs'

const PAGES = ['/sign-in', '/sign-up', '/account/profile', '/account/api-keys', '/account/activity', '/docs']

item(40, 'no page has a script or a style of its own, and the policy allows none', async ({ page, person }) => {
  await fill(person)
  for (const path of PAGES) {
    const policy = (await page.goto(path)).headers()['content-security-policy']
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.includes(part), `${part} on ${path}`)
    }
    assert.doesNotMatch(policy, /unsafe|http:|https:|\*/)
    const inline = await page.evaluate(() => [...document.querySelectorAll('script:not([src]), style, [style], [onclick], [onload]')].map(it => it.outerHTML))
    assert.deepEqual(inline, [], path)
  }
})

item(40, 'what breaks the policy, throws or asks elsewhere is noticed by these tests', async ({ page, watch }) => {
  await page.goto('/sign-in')
  await page.evaluate(() => {
    const script = document.createElement('script')
    script.src = 'https://elsewhere.example/'
    document.head.append(script)
    setTimeout(() => { throw new Error('thrown on purpose') })
    document.body.setAttribute('style', 'color: red')
  }).catch(() => 'Trusted Types')
  await page.evaluate(() => { new Image().src = 'https://elsewhere.example/' })
  await page.waitForTimeout(300)
  assert.ok(watch.complaints.some(text => /Content Security Policy|Trusted/i.test(text)), watch.complaints.join('\n'))
  watch.requests.push('https://elsewhere.example/')
  assert.throws(() => watch.assertClean(), /other hosts/)
  watch.requests.length = 0
  assert.throws(() => watch.assertClean(), /console/)
  watch.complaints.length = 0
})

item(40, 'scripts write times and numbers the reader’s way', async ({ page, person }) => {
  await person.hasKey('Production', { expiresAt: '2099-03-04T12:00:00.000Z' })
  await openKeys(page)
  const time = row(page, 'Production').locator('time').first()
  await time.hover()
  assert.match(await page.getByRole('tooltip').textContent(), /^\d{1,2} \w+ \d{4}/, 'the day first, as in Britain')
}, { context: { locale: 'en-GB', timezoneId: 'Europe/London' } })

item(40, 'what people read in scripts stands in the catalogues', async () => {
  const assets = new URL('../../assets/', import.meta.url)
  for (const name of readdirSync(assets).filter(it => it.endsWith('.js') && !it.startsWith('words-'))) {
    const code = readFileSync(new URL(name, assets), 'utf8').replace(/\/\*[^]*?\*\//g, '').replace(/\/\/.*$/gm, '')
    const sentences = [...code.matchAll(/(['"])([A-Z][a-z]+(?: [a-z]+)+[.…?]?)\1/g)].map(it => it[2])
    assert.deepEqual(sentences, [], name)
  }
})

test('what a page loads under /assets is less than 70 KB, gzipped, and 75 KB of fonts', async ({ page, person }) => {
  await fill(person)
  /** @type {Set<string>} */
  const loaded = new Set()
  page.on('request', request => {
    const { pathname } = new URL(request.url())
    if (pathname.startsWith('/assets/')) loaded.add(pathname)
  })
  for (const path of [...PAGES, 'the list with its dialogs']) {
    loaded.clear()
    if (path.startsWith('/')) await page.goto(path, { waitUntil: 'networkidle' })
    else {
      await openKeys(page)
      await create(page, 'Production')
      await dialog(page).waitFor()
    }
    // Asked for again: the browser forgets the bodies of a page that it left.
    const sizes = await Promise.all([...loaded].map(async asset =>
      /** @type {const} */ ([asset, gzipSync(await (await page.request.get(asset)).body(), { level: 6 }).length])))
    const total = (/** @type {boolean} */ areFonts) => sizes.filter(([name]) => name.endsWith('.woff2') === areFonts).reduce((sum, [, size]) => sum + size, 0)
    const all = sizes.map(([name, size]) => `${name} ${size}`).join(', ')
    assert.ok(sizes.length > 5, `${path}: ${all}`)
    assert.ok(total(false) < 70_000, `${path}: ${total(false)} bytes: ${all}`)
    assert.ok(total(true) < 75_000, `${path}: ${total(true)} bytes: ${all}`)
  }
})

plainTest('every item of the checklist has a test, but for those that are not kept yet', () => {
  const items = readFileSync(new URL('checklist.md', import.meta.url), 'utf8').matchAll(/^(\d+)\. (Not yet)?/gm)
  const [kept, open] = [[], []]
  for (const [, number, notYet] of items) (notYet ? open : kept).push(Number(number))
  assert.deepEqual([...kept, ...open].sort((a, b) => a - b), Array.from({ length: kept.length + open.length }, (_, at) => at + 1))
  assert.deepEqual([...tested].sort((a, b) => a - b), kept)
})
