import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'

import { item, plainTest, test, tested } from './harness.mjs'
import { fill, operatorAndAda } from './states_shown.mjs'
import { openKeys, row } from './steps.mjs'

const PAGES = ['/sign-in', '/sign-up', '/account/profile', '/account/api-keys', '/account/usage', '/account/activity', '/docs']

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
  for (const name of readdirSync(assets).filter(it => it.endsWith('.js') && !/^(operator-)?words-/.test(it))) {
    const code = readFileSync(new URL(name, assets), 'utf8').replace(/\/\*[^]*?\*\//g, '').replace(/\/\/.*$/gm, '')
    const sentences = [...code.matchAll(/(['"])([A-Z][a-z]+(?: [a-z]+)+[.…?]?)\1/g)].map(it => it[2])
    assert.deepEqual(sentences, [], name)
  }
})

test('a page loads one script, a few styles, and less than 70 KB of them, compressed', async ({ page, person }) => {
  await fill(person)
  for (const path of [...PAGES.filter(it => !it.startsWith('/sign')), '/nowhere']) await weigh(page, path)
  await page.context().clearCookies()
  for (const path of ['/sign-in', '/sign-up']) await weigh(page, path)
}, { expected: [/404/] })

test('so does a page of operators', async window => {
  const { key, owner } = await operatorAndAda(window)
  for (const path of ['', '/accounts', '/tokens', '/activity', `/keys/${key.id}`, `/owners/${owner}`]) await weigh(window.page, `/operator${path}`)
})

/** @param {string} path */
async function weigh(page, path) {
  await page.goto(path, { waitUntil: 'networkidle' })
  const entries = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name, transferSize }) => ({ name, transferSize })))
  const assets = entries.map(({ name, transferSize }) => ({ name: new URL(name).pathname, isFetched: transferSize > 0 })).filter(({ name }) => name.startsWith('/assets/'))
  const loaded = [...new Set(assets.map(({ name }) => name))]
  const scripts = loaded.map(it => it.split('/').at(-1)).filter(it => it.endsWith('.js') && !['theme.js', 'words-en.js', 'operator-words-en.js'].includes(it))
  assert.equal(scripts.length, 1, `${path}: ${loaded}`)
  const fetched = assets.filter(({ isFetched }) => isFetched).map(({ name }) => name)
  assert.deepEqual(fetched, [...new Set(fetched)], `${path} asks for a file twice`)

  const sizes = await Promise.all(loaded.map(async asset => {
    const headers = (await page.request.get(asset, { headers: { 'Accept-Encoding': 'gzip' } })).headers()
    assert.equal(headers['content-encoding'], asset.endsWith('.woff2') ? undefined : 'gzip', asset)
    return /** @type {const} */ ([asset, Number(headers['content-length'])])
  }))
  const total = (/** @type {boolean} */ areFonts) => sizes.filter(([asset]) => asset.endsWith('.woff2') === areFonts).reduce((sum, [, size]) => sum + size, 0)
  const all = `${path}: ${total(false)} bytes: ${sizes.map(([asset, size]) => `${asset} ${size}`).join(', ')}`
  assert.ok(sizes.length > 3 && total(false) < 70_000, all)
  assert.ok(total(true) < 75_000, all)
}

plainTest('every item of the checklist has a test, but for those that are not kept yet', () => {
  const items = readFileSync(new URL('checklist.md', import.meta.url), 'utf8').matchAll(/^(\d+)\. (Not yet)?/gm)
  const [kept, open] = [[], []]
  for (const [, number, notYet] of items) (notYet ? open : kept).push(Number(number))
  assert.deepEqual([...kept, ...open].sort((a, b) => a - b), Array.from({ length: kept.length + open.length }, (_, at) => at + 1))
  assert.deepEqual([...tested].sort((a, b) => a - b), kept)
})
