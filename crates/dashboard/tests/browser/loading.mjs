// How long the list of keys takes to load, on a slow line and with many keys:
//
//   node loading.mjs path/to/latchkey
//
// Prints when rows are painted, when "Create API key" opens its dialog, and what came over the wire. It asserts nothing: a
// busy machine takes longer.
import { launch } from './harness.mjs'
import { Person } from './person.mjs'
import { startLatchkey } from './servers.mjs'
import { KEYS } from './steps.mjs'

const LINES = {
  'loopback': null,
  '400 ms, 50 KB/s': { offline: false, latency: 400, downloadThroughput: 50 * 1024, uploadThroughput: 50 * 1024 },
}
const CASES = [[100, 'loopback'], [100, '400 ms, 50 KB/s'], [10_000, 'loopback']]
const TURNS = 3
const CONCURRENT = 16

async function hasKeys(person, number) {
  let next = 0
  await Promise.all(Array.from({ length: CONCURRENT }, async () => {
    while (next < number) await person.hasKey(`Key ${next += 1}`)
  }))
}

/** Notes, in milliseconds since the navigation, when the first row and the panel are there in a frame. */
function note() {
  globalThis.noted = {}
  const look = () => {
    const panel = document.querySelector('api-keys-panel')
    if (document.querySelector('tbody tr') ?? panel?.shadowRoot?.querySelector('tbody tr')) globalThis.noted.readable ??= performance.now()
    if (panel?.shadowRoot?.querySelector('[data-focus=create]')) globalThis.noted.usable ??= performance.now()
    else requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}

async function load(browser, person, line) {
  const context = await browser.newContext({ baseURL: person.server.url })
  await context.addCookies([person.cookie()])
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  if (LINES[line]) await session.send('Network.emulateNetworkConditions', LINES[line])
  const [asked, received] = [[], []]
  let html
  session.on('Network.responseReceived', ({ requestId, response, type }) => {
    asked.push(response.url)
    if (type === 'Document') html = requestId
  })
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => received.push([requestId, encodedDataLength]))
  await page.addInitScript(note)
  await page.goto(KEYS, { waitUntil: 'commit' })
  await page.waitForFunction(() => globalThis.noted.usable, null, { timeout: 60_000 })
  const { readable, usable } = await page.evaluate(() => globalThis.noted)
  await page.getByRole('button', { name: 'Create API key' }).first().click()
  await page.getByRole('dialog').waitFor()
  await page.waitForLoadState('networkidle')
  const sum = of => received.filter(of).reduce((total, [, bytes]) => total + bytes, 0)
  const figures = { readable, usable, html: sum(([id]) => id === html), all: sum(() => true), requests: asked.length }
  await context.close()
  return figures
}

const browser = await launch()
for (const [number, line] of CASES) {
  const server = await startLatchkey({ LATCHKEY_MAX_KEYS_PER_OWNER: `${number + 1}` })
  try {
    const person = await Person.signUp(server)
    await hasKeys(person, number)
    for (let turn = 0; turn < TURNS; turn += 1) {
      const { readable, usable, html, all, requests } = await load(browser, person, line)
      console.log(`${number} keys, ${line}: readable ${(readable / 1000).toFixed(2)} s, usable ${(usable / 1000).toFixed(2)} s, ` +
        `HTML ${(html / 1000).toFixed(1)} KB, all ${(all / 1000).toFixed(1)} KB in ${requests} requests`)
    }
  } finally {
    await server.stop()
  }
}
await browser.close()
