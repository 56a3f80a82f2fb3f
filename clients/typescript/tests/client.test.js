import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, describe, it } from 'node:test'
import express from 'express'
import { Hono } from 'hono'
import { latchkey, requireScope } from 'latchkey-client'
import { apiKey } from 'latchkey-client/express'
import { withApiKey } from 'latchkey-client/fetch'
import { apiKey as honoApiKey } from 'latchkey-client/hono'
import { makeKeys, startLatchkey } from './world.js'

const SCOPES = JSON.parse(readFileSync(new URL('../../scopes.json', import.meta.url)))

const server = await startLatchkey(process.env.LATCHKEY)
after(() => server.stop())
const keys = await makeKeys(server.url)
const good = keys.live.text

/** An upstream in the place of Latchkey, and what it was asked. */
async function upstream(answer) {
  const asked = []
  const it = createServer((request, response) => {
    asked.push({ url: request.url, headers: request.headers, port: request.socket.remotePort })
    answer(response, request, asked.length)
  })
  it.listen(0, '127.0.0.1')
  await once(it, 'listening')
  after(() => it.closeAllConnections())
  after(() => it.close())
  return { asked, url: `http://127.0.0.1:${it.address().port}` }
}

const LIMITS = { ratelimit: '"minute";r=42;t=18', 'ratelimit-policy': '"minute";q=100;w=60' }

function vouch(response, headers = {}) {
  const { keyId, ownerId, name, keyPrefix, environment } = keys.live
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ keyId, ownerId, name, keyPrefix, environment, expiresAt: null, metadata: { plan: 'pro' }, scopes: ['a'] }))
}

describe('a client', () => {
  it('is told all that Latchkey says of a key', async () => {
    const { url } = await upstream(response => vouch(response, LIMITS))
    const { keyId, ownerId: owner, name, keyPrefix, environment } = keys.live
    const expected = { ok: true, keyId, owner, name, keyPrefix, environment, expiresAt: null, metadata: { plan: 'pro' }, scopes: ['a'], headers: LIMITS }
    assert.deepEqual(await latchkey(url).verify(good), expected)
  })

  it('takes a key alone, Fetch headers, raw headers, and an object', async () => {
    const client = latchkey(server.url)
    for (const from of [good, new Headers({ 'x-api-key': good }), ['X-Api-Key', good], { 'X-Api-Key': good }, { 'x-api-key': [good] }]) {
      assert.equal((await client.verify(from)).keyId, keys.live.keyId)
    }
    for (const from of ['', {}, [], new Headers(), { 'x-api-key': undefined }]) {
      assert.equal((await client.verify(from)).error, 'API key required')
    }
    for (const from of [{ 'x-api-key': [good, good] }, { 'x-api-key': good, 'X-API-KEY': good }, `${good},${good}`]) {
      assert.equal((await client.verify(from)).error, 'Invalid API key')
    }
  })

  it('keeps no answer: a revoked key is refused by the next call', async () => {
    const client = latchkey(server.url)
    const { text, revoke } = await keys.extra()
    assert.equal((await client.verify(text)).ok, true)
    await revoke()
    assert.equal((await client.verify(text)).status, 401)
  })

  it('asks for scopes, a cost and an address', async () => {
    const { url, asked } = await upstream(response => vouch(response))
    await latchkey(`${url}/below/`).verify(good, { scope: ['docs:read', 'a|b'], cost: 0, address: '203.0.113.9' })
    await latchkey(url).verify(good, { scope: 'docs:read' })
    assert.equal(asked[0].url, '/below/api/v1/verify?scope=docs%3Aread&scope=a%7Cb&cost=0')
    assert.equal(asked[0].headers['x-forwarded-for'], '203.0.113.9')
    assert.equal(asked[1].url, '/api/v1/verify?scope=docs%3Aread')
    assert.equal(asked[1].headers['x-forwarded-for'], 'unknown')
  })

  it('says what a key lacks', () => {
    for (const { scopes, requirement, met } of SCOPES) {
      const asked = () => requireScope({ ok: true, scopes }, requirement)
      if (met === null) assert.throws(asked, TypeError, requirement)
      else if (met) assert.equal(asked(), undefined, requirement)
      else {
        const { ok, status, error, headers } = asked()
        assert.deepEqual([ok, status, error, headers['x-api-key-refusal']], [false, 403, 'Insufficient scope', 'scope'])
        assert.equal(headers['www-authenticate'], `Bearer error="insufficient_scope", scope="${requirement}"`)
      }
    }
  })

  it('names the address after those that the request names', async () => {
    const { url, asked } = await upstream(response => vouch(response))
    const [key, forwarded] = [['x-api-key', good], 'X-Forwarded-For']
    const demand = { address: '203.0.113.9' }
    await latchkey(url).verify([...key, forwarded, '192.0.2.1', forwarded, '192.0.2.2, 10.0.0.1'], demand)
    await latchkey(url).verify(new Headers([key, [forwarded, '192.0.2.1'], [forwarded, '192.0.2.2']]), demand)
    await latchkey(url).verify({ 'x-api-key': good, [forwarded]: ['192.0.2.1', 'h\u00e9'] })
    assert.deepEqual(asked.map(({ headers }) => headers['x-forwarded-for']), [
      '192.0.2.1, 192.0.2.2, 10.0.0.1, 203.0.113.9',
      '192.0.2.1, 192.0.2.2, 203.0.113.9',
      '192.0.2.1, unknown, unknown',
    ])
  })

  it('keeps its connections', async () => {
    const { url, asked } = await upstream(response => vouch(response))
    const client = latchkey(url)
    for (let i = 0; i < 20; i++) await client.verify(good)
    assert.ok(new Set(asked.map(({ port }) => port)).size <= 2)
  })

  it('asks again where a kept connection was closed', async () => {
    const { url, asked } = await upstream((response, request, count) => (count === 2 ? request.socket.destroy() : vouch(response)))
    const client = latchkey(url, { onUnavailable: assert.fail })
    assert.equal((await client.verify(good)).ok, true)
    assert.equal((await client.verify(good)).ok, true)
    assert.equal(asked.length, 3)
  })

  it('answers 503 after its limit, and says why without the key', async () => {
    const { url } = await upstream(() => {})
    const errors = []
    const began = performance.now()
    const found = await latchkey(url, { timeout: 100, onUnavailable: error => errors.push(error) }).verify(good)
    assert.ok(performance.now() - began < 1000)
    assert.equal(found.status, 503)
    assert.deepEqual(errors.map(({ message }) => message), ['no answer within 100 ms'])
  })

  it('asks by a Unix socket, on a connection that is kept', async () => {
    const path = `${server.folder}/upstream`
    const sockets = new Set()
    const it = createServer((request, response) => {
      sockets.add(request.socket)
      vouch(response, LIMITS)
    }).listen(path)
    await once(it, 'listening')
    after(() => it.close())
    const kept = latchkey(`unix:${path}`, { onUnavailable: assert.fail })
    for (let i = 0; i < 5; i++) assert.deepEqual((await kept.verify(good, { cost: 2 })).headers, LIMITS)
    assert.equal(sockets.size, 1)
    it.closeAllConnections()
    assert.equal((await kept.verify(good)).ok, true)

    const client = latchkey(server.socket)
    const { id, text, change } = await keys.extra()
    assert.equal((await client.verify({ 'x-api-key': text })).keyId, id)
    assert.equal((await client.verify(`${text}0`)).status, 401)
    await change({ allowedNetworks: ['203.0.113.0/24'] })
    for (const [address, status] of [['203.0.113.9', undefined], ['198.51.100.1', 403], [undefined, 403]]) {
      assert.equal((await client.verify(text, { address })).status, status, address)
    }
  })

  it('answers 503 where nobody is at a Unix socket, or nobody answers', async () => {
    const errors = []
    const onUnavailable = error => errors.push(error.message)
    assert.equal((await latchkey('unix:/nowhere/latchkey.sock', { onUnavailable }).verify(good)).status, 503)
    const path = `${server.folder}/silent`
    const it = createServer(() => {}).listen(path)
    await once(it, 'listening')
    after(() => it.close())
    after(() => it.closeAllConnections())
    assert.equal((await latchkey(`unix:${path}`, { timeout: 100, onUnavailable }).verify(good)).status, 503)
    assert.match(errors[0], /ENOENT/)
    assert.equal(errors[1], 'no answer within 100 ms')
  })

  it('asks no other address than that of a Latchkey', () => {
    for (const url of ['', '127.0.0.1:8080', '/api', 'ftp://127.0.0.1', 'http://user:password@127.0.0.1', 'http://127.0.0.1/?a=b', 'http://127.0.0.1/#a', 'unix:', 'unix:latchkey.sock', 'unix:@latchkey']) {
      assert.throws(() => latchkey(url), TypeError, url)
    }
    assert.throws(() => latchkey('unix:/run/latchkey.sock', { fetch }), TypeError)
  })
})

describe('a middleware', async () => {
  const { url, asked } = await upstream(response => vouch(response, LIMITS))
  const client = latchkey(url)
  const request = () => new Request('http://service/', { headers: { 'x-api-key': good } })
  const demand = () => ({ cost: 7 })
  const shown = response => Object.fromEntries(Object.keys(LIMITS).map(name => [name, response.headers.get(name)]))

  it('shows the caller what is left of its limits, and asks what the service demands', async () => {
    const app = express().get('/', apiKey(client, demand), (req, res) => res.json(req.apiKey.metadata))
    const listening = app.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    after(() => listening.close())
    const hono = new Hono().get('/', honoApiKey(client, demand), c => c.json(c.get('apiKey').metadata))
    const fetched = withApiKey(client, (_request, found) => Response.json(found.metadata), demand)
    for (const response of [
      await fetch(`http://127.0.0.1:${listening.address().port}/`, request()),
      await hono.fetch(request()),
      await fetched(request()),
    ]) {
      assert.deepEqual(shown(response), LIMITS)
      assert.deepEqual(await response.json(), { plan: 'pro' })
      assert.match(asked.at(-1).url, /\?cost=7$/)
    }
  })

  it('shows it on answers whose headers can not be changed', async () => {
    const response = await withApiKey(client, () => Response.redirect('http://elsewhere/'))(request())
    assert.deepEqual([response.status, shown(response)], [302, LIMITS])
  })

  it('lets errors of the service be the service\'s', async () => {
    await assert.rejects(withApiKey(client, () => Promise.reject(new Error('mine')))(request()), /mine/)
    const app = express().get('/', apiKey(client, () => assert.fail('mine')))
    app.use((error, _req, res, _next) => res.status(500).send(error.message))
    const listening = app.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    after(() => listening.close())
    const response = await fetch(`http://127.0.0.1:${listening.address().port}/`, request())
    assert.deepEqual([response.status, await response.text()], [500, 'mine'])
  })
})
