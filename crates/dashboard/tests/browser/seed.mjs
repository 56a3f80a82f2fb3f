// The fetch examples of the API reference, on a page of the dashboard.
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'

import { test } from './harness.mjs'

const EXAMPLES = new URL('../../../server/tests/seed/', import.meta.url)

/** Word for word, but for the host and the id. */
function example(name, server, id = '') {
  return readFileSync(new URL(`${name}.mjs`, EXAMPLES), 'utf8')
    .replaceAll('https://screenshotapi.to', server.url)
    .replaceAll('clx1abc2d3e4f5g6h7i8j9k0', id)
}

async function printed(page, source) {
  const lines = []
  const listen = message => lines.push(message.text())
  page.on('console', listen)
  await page.evaluate(`(async () => { ${source} })()`)
  page.off('console', listen)
  return lines
}

test('the three fetch examples of the API reference do what they say', async ({ page, person, server }) => {
  await page.goto('/account/api-keys')
  const [created] = await printed(page, example('create', server))
  assert.match(created, /^New API key: sk_live_[0-9A-Za-z]{38}$/)
  const [{ id, keyPrefix }] = await person.keys()
  assert.deepEqual(await printed(page, example('list', server)), [`Production: ${keyPrefix}...`])
  assert.deepEqual(await printed(page, example('revoke', server, id)), ['API key revoked successfully'])
  assert.deepEqual(await person.keys(), [])
})
