// Pictures of the main states, light and dark, for the README and docs/. Needs sqlite3, for calls of days that are over.
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
  async usage(page) {
    await page.goto('/account/usage')
    await page.getByRole('combobox', { name: 'Period' }).waitFor()
  },
  async activity(page) {
    await page.goto('/account/activity')
  },
  async reference(page) {
    await page.goto('/docs')
  },
}

const DAY = 24 * 60 * 60_000
/** About how many calls a day keys have, by their names. */
const BUSY = { 'Server-side app': 1200, 'Zapier integration': 420, 'Load test': 60, 'Staging': 25 }

/** Gives keys calls on the last 30 days: fewer at weekends, more from day to day. */
async function wereUsed(person, server) {
  const today = Math.floor(Date.now() / DAY) * DAY
  const statements = (await person.keys()).flatMap(({ id, name, replacedBy }) => {
    const most = replacedBy ? 15 : BUSY[name] ?? 0
    if (most === 0) return []
    const days = Array.from({ length: 30 }, (_, at) => {
      const start = today - (29 - at) * DAY
      const weekday = new Date(start).getUTCDay() % 6 === 0 ? 0.35 : 1
      const wave = 0.75 + 0.25 * Math.sin(at * 1.9 + name.length)
      return { start, calls: Math.round(most * weekday * wave * (0.55 + 0.45 * at / 29)), refused: at % 9 === 4 ? Math.round(most / 14) : 0 }
    })
    const key = `x'${id.replaceAll('-', '')}'`
    const usedAt = Date.now() - Math.round(9_000 / most) * 60_000
    const counted = days.flatMap(({ start, calls, refused }) => [
      `(${key}, 'day', ${start}, 'accepted', ${calls}, ${calls})`, ...(refused ? [`(${key}, 'day', ${start}, 'rate', ${refused}, 0)`] : [])])
    return [
      `insert into key_usage (key_id, span, start, outcome, calls, cost) values ${counted.join()};`,
      `insert into recent_usage (key_id, last_day, calls) values (${key}, ${today}, '${days.map(({ calls }) => calls).join(' ')}');`,
      `insert into last_uses (key_id, used_at) values (${key}, ${usedAt}) on conflict do nothing;`,
    ]
  })
  await server.sql(statements.join('\n'))
}

async function picture(browser, name, colorScheme) {
  const server = await startLatchkey({ LATCHKEY_LISTEN: '127.0.0.1:8080' })
  try {
    const person = await Person.signUp(server, 'ada@example.com')
    await person.uses(await fill(person))
    await wereUsed(person, server)
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
