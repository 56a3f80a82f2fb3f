import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { eventually, item, launch, WHOLE_KEY } from './harness.mjs'
import { freePort } from './servers.mjs'
import {
  button, clipboard, create, dialog, everythingIn, everythingStored, openKeys, question, row, theKey,
} from './steps.mjs'

const run = promisify(execFile)
const QUESTION = 'Close without copying?'

const WAYS_OUT = {
  Escape: page => page.keyboard.press('Escape'),
  'the cross': page => button(dialog(page), 'Close').click(),
  'the backdrop': page => page.mouse.click(4, 4),
  Done: page => button(dialog(page), 'Done').click(),
}

for (const [way, leave] of Object.entries(WAYS_OUT)) {
  item(7, `leaving the reveal by ${way} before copying asks once`, async ({ page }) => {
    await openKeys(page)
    const key = await create(page, 'Production')
    await leave(page)
    await question(page).getByText(QUESTION).waitFor()
    await button(question(page), 'Go back').click()
    await question(page).waitFor({ state: 'detached' })
    assert.equal(await theKey(page).inputValue(), key)
    await leave(page)
    await button(question(page), 'Close anyway').click()
    await dialog(page).waitFor({ state: 'detached' })
    assert.equal(await question(page).count(), 0, 'asked once')
  })

  item(7, `leaving the reveal by ${way} after copying closes it at once`, async ({ page }) => {
    await openKeys(page)
    await create(page, 'Production')
    await button(dialog(page), 'Copy key').click()
    await button(dialog(page), 'Copied').waitFor()
    await leave(page)
    await dialog(page).waitFor({ state: 'detached' })
    assert.equal(await question(page).count(), 0)
  })
}

item(7, 'Escape again and again does not slip past the question', async ({ page }) => {
  await openKeys(page)
  const key = await create(page, 'Production')
  for (let times = 0; times < 7; times += 1) await page.keyboard.press('Escape')
  await question(page).waitFor()
  await page.keyboard.press('Escape')
  await question(page).waitFor({ state: 'detached' })
  assert.equal(await theKey(page).inputValue(), key)
})

item(7, 'closing the tab or following an address asks too, until the key was copied', async ({ page }) => {
  await openKeys(page)
  await create(page, 'Production')
  const asked = []
  page.on('dialog', async it => {
    await it.dismiss()
    asked.push(it.type())
  })
  await page.close({ runBeforeUnload: true })
  await eventually(() => assert.deepEqual(asked, ['beforeunload']))
  await page.goto('/account/profile').catch(() => 'stayed')
  await eventually(() => assert.equal(asked.length, 2))
  await theKey(page).waitFor()
  await button(dialog(page), 'Copy key').click()
  await button(dialog(page), 'Copied').waitFor()
  await page.goto('/account/profile')
  assert.equal(asked.length, 2)
})

item(8, 'a key stays nowhere: address, storage, page, list, caches', async ({ page, person }) => {
  await openKeys(page)
  const creating = page.waitForResponse(it => it.request().method() === 'POST')
  const key = await create(page, 'Production')
  assert.equal((await creating).headers()['cache-control'], 'no-store')
  await button(dialog(page), 'Copy key').click()
  await page.getByLabel('Insert my key').check()
  const secret = key.slice(12)
  assert.ok((await everythingIn(page)).includes(secret), 'while it is shown, it is found')
  assert.ok(!(await everythingStored(page)).includes(secret))
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
  for (const moment of ['after leaving', 'after a reload', 'after Back']) {
    if (moment === 'after a reload') await page.reload()
    if (moment === 'after Back') {
      await page.goto('/account/profile')
      await page.goBack()
    }
    await row(page, 'Production').waitFor()
    assert.ok(!(await everythingIn(page)).includes(secret), `in the page ${moment}`)
    assert.ok(!(await everythingStored(page)).includes(secret), `stored ${moment}`)
  }
  assert.doesNotMatch(await page.content(), WHOLE_KEY)
  assert.doesNotMatch(JSON.stringify(await person.keys()), WHOLE_KEY)
  assert.doesNotMatch(JSON.stringify(await person.events()), WHOLE_KEY)
})

item(8, 'a page that the browser kept for Back holds no key', async ({ person, server }) => {
  // Playwright switches that cache off, so this takes a browser that was told not to.
  const browser = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  try {
    const context = await browser.newContext({ baseURL: server.url })
    await context.addCookies([person.cookie()])
    const page = await context.newPage()
    page.on('dialog', it => it.accept())
    await openKeys(page)
    const key = await create(page, 'Production')
    await page.evaluate(() => { globalThis.keptByTheBrowser = true })
    await page.goto('/account/profile')
    await page.evaluate(() => history.back())
    await eventually(() => assert.match(page.url(), /api-keys$/))
    await eventually(async () => assert.ok(!(await everythingIn(page)).includes(key.slice(12))))
  } finally {
    await browser.close()
  }
})

item(16, 'code in six languages is ready to run, with a variable or the key itself', async ({ page }) => {
  await openKeys(page)
  const key = await create(page, 'Production')
  const code = dialog(page).getByRole('tabpanel')
  const programs = {
    curl: text => run('sh', ['-c', text.replace('curl ', 'curl -sS ')], { env: { ...process.env, PRODUCTION_API_KEY: key } }),
    JavaScript: text => run('node', ['--input-type=module', '-e', text], { env: { ...process.env, PRODUCTION_API_KEY: key } }),
    // Whether these run, tests/js/languages.test.js sees.
    ...Object.fromEntries(['Python', 'Go', 'PHP', 'Ruby'].map(language => [language, async () => ({ stdout: 'keyId' })])),
  }
  for (const [language, execute] of Object.entries(programs)) {
    await dialog(page).getByRole('tab', { name: language }).click()
    for (const isReal of [false, true]) {
      await page.getByLabel('Insert my key').setChecked(isReal)
      const text = await code.innerText()
      assert.match(text, /x-api-key/)
      assert.match(text, /PRODUCTION_API_KEY|sk_live_/)
      assert.equal(text.includes(key), isReal, `${language} holds the key`)
      await dialog(page).locator('.snippet-bar').getByRole('button').click()
      await eventually(async () => assert.equal((await clipboard(page)).trim(), text.trim()))
      const { stdout } = await execute(text)
      assert.match(stdout, /keyId/, `${language} runs`)
    }
  }
})

item(16, 'the tabs of the code go by arrow keys', async ({ page }) => {
  await openKeys(page)
  await create(page, 'Production')
  const tab = name => dialog(page).getByRole('tab', { name })
  await tab('curl').focus()
  await page.keyboard.press('ArrowRight')
  assert.equal(await tab('JavaScript').getAttribute('aria-selected'), 'true')
  await page.keyboard.press('End')
  assert.equal(await tab('Ruby').getAttribute('aria-selected'), 'true')
  await page.keyboard.press('ArrowRight')
  assert.equal(await tab('curl').getAttribute('aria-selected'), 'true')
})

const elsewhere = async () => {
  const port = await freePort()
  return {
    LATCHKEY_LISTEN: `127.0.0.1:${port}`,
    LATCHKEY_PUBLIC_URL: `http://localhost:${port}`,
    LATCHKEY_TRUSTED_ORIGINS: `http://127.0.0.1:${port}`,
  }
}

item(16, 'the code names the public URL that was configured', async ({ page, server }) => {
  await openKeys(page)
  await create(page, 'Production')
  const text = await dialog(page).getByRole('tabpanel').innerText()
  assert.ok(text.includes(`${server.url.replace('127.0.0.1', 'localhost')}/api/v1/verify`), text)
}, { settings: elsewhere })

for (const [name, variable] of [['Production', 'PRODUCTION_API_KEY'], ['Zapier intégration 2', 'ZAPIER_INTEGRATION_2_API_KEY'], ['鍵', 'LATCHKEY_API_KEY']]) {
  item(17, `“${name}” is copied as a line of .env that a shell can read`, async ({ page }) => {
    await openKeys(page)
    const key = await create(page, name)
    await button(dialog(page), 'Copy as .env line').click()
    await eventually(async () => assert.equal((await clipboard(page)).trim(), `${variable}=${key}`))
    await page.keyboard.press('Escape')
    await dialog(page).waitFor({ state: 'detached' })
  })
}
