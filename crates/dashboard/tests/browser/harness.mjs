// @ts-check
import { strict as assert } from 'node:assert'
import { after, before, describe, test as nodeTest } from 'node:test'

import { chromium } from 'playwright-core'

import { Person } from './person.mjs'
import { startLatchkey, startSite } from './servers.mjs'

/** @import { Browser, BrowserContext, BrowserContextOptions, LaunchOptions, Page } from 'playwright-core' */
/** @import { Server } from './servers.mjs' */
/** @typedef {Awaited<ReturnType<typeof startSite>>} Site */
/** @typedef {{ page: Page, person: Person, server: Server, site: Site, watch: Watch }} Window */
/**
 * @typedef {object} Options
 * @property {Record<string, string>} [site]
 * @property {Record<string, string> | ((site: Site) => Record<string, string> | Promise<Record<string, string>>)} [settings]
 * @property {BrowserContextOptions} [context]
 * @property {boolean} [signedIn]
 * @property {boolean} [withoutAccount]
 * @property {RegExp[]} [expected]
 */

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'
// Chromium reaches the servers of the tests alone, whatever else it would like to fetch.
const ARGUMENTS = ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1']

// Each has a clipboard of its own, so that two tests can run concurrently.
const BROWSERS = 2

/** @type {{ name: string, run: () => unknown }[]} */
const tests = []
/** @type {Browser[]} */
const idle = []
/** All browsers of this run: one that a test holds beyond its time would keep the run from ending. @type {Browser[]} */
const launched = []
/** @type {Server} */
let server

export const launch = (/** @type {LaunchOptions} */ options = {}) =>
  chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS, ...options })

/**
 * A test in a browser window of its own, with an account of its own: `body` gets `{ page, person,
 * server, watch }`. At its end no other host may have been asked, and the console must be clean.
 *
 * - `site`: somebody else's pages, by their paths; `body` gets them as `site`
 * - `settings`: of a server for this test alone, or a function of the site that gives them
 * - `context`: Playwright's options of the window
 * - `signedIn: false`: the window begins without the session
 * - `withoutAccount`: where nobody can sign up
 * - `expected`: what the console may say, as regular expressions
 *
 * @param {string} name @param {(window: Window) => Promise<unknown>} body @param {Options} options
 */
export function test(name, body, options = {}) {
  tests.push({ name, run: () => inWindow(body, options) })
}

/**
 * A test of an item of checklist.md, or of several.
 * @param {number | number[]} numbers @param {string} sentence @param {(window: Window) => Promise<unknown>} body @param {Options} [options]
 */
export function item(numbers, sentence, body, options) {
  const all = [numbers].flat()
  for (const number of all) tested.add(number)
  test(`${all.length > 1 ? 'items' : 'item'} ${all.join(', ')}: ${sentence}`, body, options)
}

/** The numbers of the items that have a test. @type {Set<number>} */
export const tested = new Set()

/** A test that needs no window. @param {string} name @param {() => unknown} run */
export function plainTest(name, run) {
  tests.push({ name, run })
}

/** Runs the tests whose names match. @param {RegExp} pattern */
export function runAll(pattern) {
  describe('the dashboard', { concurrency: BROWSERS }, () => {
    before(async () => {
      server = await startLatchkey()
      for (let number = 0; number < BROWSERS; number += 1) idle.push(await another())
    })
    after(async () => {
      for (const browser of launched) await browser.close()
      await server?.stop()
    })
    for (const { name, run } of tests.filter(({ name }) => pattern.test(name))) {
      nodeTest(name, { timeout: 120_000 }, run)
    }
  })
}

async function another() {
  const browser = await launch()
  launched.push(browser)
  return browser
}

/** @param {(window: Window) => Promise<unknown>} body @param {Options} options */
async function inWindow(body, options) {
  // A test that took too long may still hold a browser: then another is started.
  const browser = idle.pop() ?? await another()
  /** @type {(() => unknown)[]} */
  const cleanUp = [() => idle.push(browser)]
  try {
    const site = options.site && await startSite({ ...options.site })
    if (site) cleanUp.push(() => site.stop())
    const settings = typeof options.settings === 'function' ? await options.settings(/** @type {Site} */ (site)) : options.settings
    const own = settings ? await startLatchkey(settings) : server
    if (settings) cleanUp.push(() => own.stop())
    const [person, context] = await Promise.all([
      options.withoutAccount ? null : Person.signUp(own),
      newWindow(browser, own, options.context),
    ])
    cleanUp.push(() => context.close())
    const origins = [own.url, ...(site ? [site.url, site.foreignUrl] : [])]
    const watch = new Watch(context, origins, options.expected ?? [])
    if (person && options.signedIn !== false) await context.addCookies([person.cookie()])
    const page = await context.newPage()
    // A test names what its options give it.
    await body(/** @type {Window} */ ({ page, person, server: own, site, watch }))
    watch.assertClean()
    assertNoKeyIn(own.log)
  } finally {
    for (const step of cleanUp.reverse()) await step()
  }
}

/** @param {Browser} browser @param {Server} own @param {BrowserContextOptions} [options] */
async function newWindow(browser, own, options) {
  const permissions = ['clipboard-read', 'clipboard-write']
  // Wide enough for every column.
  const viewport = { width: 1400, height: 800 }
  const context = await browser.newContext({ baseURL: own.url, permissions, viewport, ...options })
  context.setDefaultTimeout(5_000)
  context.setDefaultNavigationTimeout(20_000)
  return context
}

/** The requests of the pages of a window, and what their consoles say. */
class Watch {
  /** @type {string[]} */
  requests = []
  /** @type {string[]} */
  complaints = []

  /** @param {BrowserContext} context @param {string[]} origins @param {RegExp[]} expected */
  constructor(context, origins, expected) {
    this.origins = origins
    this.expected = expected
    context.on('request', request => this.requests.push(request.url()))
    context.on('weberror', failure => this.complaints.push(`uncaught: ${failure.error()}`))
    context.on('console', message => {
      if (message.type() === 'error') this.complaints.push(`console: ${message.text()}`)
    })
  }

  assertClean() {
    const foreign = this.requests.filter(url => {
      const { protocol, origin } = new URL(url)
      return !['about:', 'blob:', 'data:'].includes(protocol) && !this.origins.includes(origin)
    })
    assert.deepEqual(foreign, [], 'other hosts were asked')
    const unexpected = this.complaints.filter(text => !this.expected.some(it => it.test(text)))
    assert.deepEqual(unexpected, [], 'the console complains')
  }
}

/** Matches the whole text of a key. */
export const WHOLE_KEY = /sk_(live|test)_[0-9A-Za-z]{38}/

/** @param {string[]} log */
function assertNoKeyIn(log) {
  assert.deepEqual(log.filter(line => WHOLE_KEY.test(line)), [], 'the log holds a key')
}

/**
 * Tries until it holds, for at most three seconds.
 * @template T @param {() => T} holds @returns {Promise<Awaited<T>>}
 */
export async function eventually(holds) {
  for (const last = Date.now() + 3_000; ;) {
    try {
      return await holds()
    } catch (failure) {
      if (Date.now() > last) throw failure
      await new Promise(later => setTimeout(later, 50))
    }
  }
}
