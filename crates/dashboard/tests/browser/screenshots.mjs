// Pictures of the main states, light and dark, for the README:
//
//   node screenshots.mjs path/to/latchkey folder
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { launch } from './harness.mjs'
import { Person } from './person.mjs'
import { startLatchkey } from './servers.mjs'
import { fill } from './states_shown.mjs'
import { chooseAction, create, dialog, later, openKeys, row } from './steps.mjs'

const folder = resolve(process.argv[3])
const LOOK = { viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC' }
const PICTURES = {
  async keys(page) {
    await row(page, 'Server-side app').waitFor()
  },
  async reveal(page) {
    await create(page, 'Backend')
  },
  async rotate(page) {
    await chooseAction(page, 'Server-side app', 'Rotate…')
    await dialog(page).waitFor()
  },
  async activity(page) {
    await page.goto('/account/activity')
  },
  async reference(page) {
    await page.goto('/docs')
  },
}

async function picture(browser, name, colorScheme) {
  const server = await startLatchkey({ LATCHKEY_LISTEN: '127.0.0.1:8080' })
  try {
    const person = await Person.signUp(server, 'ada@example.com')
    await person.uses(await fill(person))
    const context = await browser.newContext({ baseURL: server.url, colorScheme, ...LOOK })
    await context.addCookies([person.cookie()])
    const page = await context.newPage()
    await later(page, 3)
    await openKeys(page)
    await PICTURES[name](page)
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), caret: 'hide' })
    await context.close()
  } finally {
    await server.stop()
  }
}

mkdirSync(folder, { recursive: true })
const browser = await launch()
for (const name of Object.keys(PICTURES)) {
  for (const colorScheme of ['light', 'dark']) await picture(browser, name, colorScheme)
}
await browser.close()
