// The table of all clients, through each framework and runtime.
import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { latchkey as client } from 'latchkey-client'
import { apiKey as express } from 'latchkey-client/express'
import { apiKey as fastify } from 'latchkey-client/fastify'
import { withApiKey } from 'latchkey-client/fetch'
import { apiKey as hono } from 'latchkey-client/hono'
import { away, filled, get, makeKeys, start, startLatchkey, startUpstream, table } from './world.js'

const binary = process.env.LATCHKEY ?? assert.fail('LATCHKEY names no binary')
const at = path => fileURLToPath(new URL(path, import.meta.url))

const latchkey = await startLatchkey(binary)
after(() => latchkey.stop())
const keys = await makeKeys(latchkey.url)

const names = Object.keys(table.upstreams)
const upstreams = await Promise.all(
  Object.values(table.upstreams).map(upstream => {
    if (Array.isArray(upstream)) {
      return startUpstream(upstream.map(step => (typeof step === 'string' ? filled(step, keys, latchkey.url) : step)))
    }
    return upstream === 'the binary' ? latchkey.url : away()
  }),
)

const env = { ...process.env, UPSTREAMS: JSON.stringify(upstreams), NEXT_TELEMETRY_DISABLED: '1', DENO_NO_UPDATE_CHECK: '1' }
const next = { ready: /http:\/\/127\.0\.0\.1:(\d+)/, cwd: at('services/next') }
// Node keeps the first of several Authorization headers, and Next.js shows no more.
const unseenByNext = { 'two bearers are refused': { key: 'live' } }
const services = {
  'Express 5': [process.execPath, ['services/express.js']],
  'Express 4': [process.execPath, ['services/express.js', 'express4']],
  Fastify: [process.execPath, ['services/fastify.js']],
  Hono: [process.execPath, ['services/hono.js']],
  'Next.js': [process.execPath, [at('node_modules/next/dist/bin/next'), 'start', '-p', '0', '-H', '127.0.0.1'], next, unseenByNext],
  Bun: [at('node_modules/@oven/bun-linux-x64-baseline/bin/bun'), ['services/fetch.js']],
  Workers: [at('node_modules/@cloudflare/workerd-linux-64/bin/workerd'), ['serve', '--control-fd=1', 'services/worker.capnp'], { ready: /"port":(\d+)/ }],
  Deno: [at('node_modules/@deno/linux-x64-glibc/deno'), ['run', '--allow-net', '--allow-env', '--no-lock', 'services/fetch.js']],
}

for (const [service, [command, args, options, unseen]] of Object.entries(services)) {
  describe(service, { concurrency: 8 }, async () => {
    const running = await start(command, args, { cwd: at('.'), env, ...options })
    after(() => running.stop())
    await get(running.port, `/${names.indexOf('latchkey')}`, [['x-api-key', keys.live.text]]) // what is loaded late is loaded
    for (const { name, headers, upstream = 'latchkey', cost, times = 1, expect: expectation } of table.cases) {
      it(name, async () => {
        const expect = unseen?.[name] ?? expectation
        const path = [`/${names.indexOf(upstream)}`, cost].filter(part => part !== undefined).join('/')
        for (let i = 0; i < times; i++) {
          const began = performance.now()
          const got = await get(running.port, path, sent(headers))
          assert.ok(performance.now() - began < 10_000, 'answered within 10 s')
          const { status, headers: expected, body } = expect.key ? admitted(expect) : table.answers[expect]
          assert.equal(got.status, status, got.text)
          for (const [header, value] of Object.entries(expected)) assert.ok(isAs(got.headers[header], value), `${header}: ${got.text}`)
          assert.match(got.headers['content-type'], /^application\/json/)
          assert.deepEqual(JSON.parse(got.body), body)
          for (const { text } of Object.values(keys)) assert.ok(![got.text, ...running.log].some(line => line.includes(text)))
        }
      })
    }
  })
}

describe('a client', () => {
  for (const { name, headers, upstream = 'latchkey', cost, expect } of table.cases.filter(({ expect }) => table.answers[expect]?.over)) {
    it(`says which budget is empty: ${name}`, async () => {
      const found = await client(upstreams[names.indexOf(upstream)]).verify(sent(headers).flat(), { cost })
      assert.equal(found.over, table.answers[expect].over)
      assert.equal(found.retryAfter, found.over === 'rate' ? Number(found.headers['retry-after']) : undefined)
    })
  }

  it('takes the costs that a call may have, and refuses all others before it asks', async () => {
    const asked = []
    const ask = cost => client(latchkey.url, { fetch: (...of) => asked.push(of) && fetch(...of) }).verify(keys.none.text, { cost })
    for (const cost of table.costs.taken) assert.equal((await ask(cost)).over, 'credits')
    assert.equal(asked.length, table.costs.taken.length)
    for (const cost of [...table.costs.refused, 1.5, NaN, '5', null, 5n]) {
      await assert.rejects(ask(cost), { name: 'RangeError' }, String(cost))
      for (const apiKey of [express, fastify, hono]) assert.throws(() => apiKey(client(latchkey.url), { cost }), RangeError)
      assert.throws(() => withApiKey(client(latchkey.url), () => {}, { cost }), RangeError)
    }
    assert.equal(asked.length, table.costs.taken.length)
  })
})

const sent = headers => headers.map(([header, value]) => [header, filled(value, keys, latchkey.url)])
/** Null says that a header is absent, and true that it is there. */
const isAs = (found, value) => (value === true ? Boolean(found) : (found ?? null) === value)

function admitted({ key, headers = {} }) {
  const { keyId, ownerId, name, environment } = keys[key]
  return { status: 200, headers, body: { keyId, owner: ownerId, name, environment } }
}
