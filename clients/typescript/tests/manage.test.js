// The management calls, on a real Latchkey with tokens of its own command.
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { after, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { latchkey } from 'latchkey-client'
import { ManageError, management } from 'latchkey-client/manage'
import { away, startLatchkey, startUpstream } from './world.js'

const binary = process.env.LATCHKEY
const server = await startLatchkey(binary)
after(() => server.stop())

const token = (name, ...flags) => {
  const settings = { cwd: server.folder, env: server.env, encoding: 'utf8' }
  return execFileSync(binary, ['token', 'create', '--name', name, ...flags], settings).trim()
}
const secret = token('all', '--allow', 'keys:read,keys:write,owners:write,audit:read,usage:read')
const keys = management(server.url, secret)
const client = latchkey(server.url)

const failure = async promise => {
  const error = await promise.then(() => assert.fail('it succeeded'), error => error)
  assert.ok(error instanceof ManageError, inspect(error))
  assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(secret), 'the error holds no token')
  return [error.status, error.code]
}

describe('a backend', () => {
  it('manages keys by a Unix socket too', async () => {
    const owner = management(server.socket, secret).owner('org_socket')
    const made = await owner.create({ name: 'Größe' })
    assert.equal((await owner.get(made.id)).name, 'Größe')
    await owner.revoke(made.id)
    assert.deepEqual(await failure(owner.get('clx1abc2d3e4f5g6h7i8j9k0')), [404, 'key_not_found'])
    assert.deepEqual(await failure(management('unix:/nowhere/latchkey.sock', secret).owner('a').list()), [0, 'unreachable'])
  })

  it('makes a key for an owner of its own choice, and a verification says whose it is', async () => {
    const made = await keys.owner('auth0|ada/1?#%').create({ name: 'Production', environment: 'test' })
    assert.match(made.key, /^sk_test_/)
    assert.equal((await client.verify(made.key)).owner, 'auth0|ada/1?#%')
    const item = await keys.owner('auth0|ada/1?#%').get(made.id)
    assert.deepEqual([item.name, item.environment, item.enabled], ['Production', 'test', true])
    assert.deepEqual(await keys.owner('auth0|ada/1?#%').list(), [item])
  })

  it('gives a key metadata, which a verification tells, and says who made it', async () => {
    const owner = keys.owner('org_1')
    const { id, key } = await owner.create({ name: 'x', metadata: { plan: 'pro' }, createdBy: 'bob' })
    assert.equal((await owner.get(id)).createdBy, 'bob')
    assert.deepEqual((await client.verify(key)).metadata, { plan: 'pro' })
    assert.deepEqual((await owner.change(id, { metadata: { plan: 'free', n: [1] } })).metadata, { plan: 'free', n: [1] })
    assert.deepEqual((await client.verify(key)).metadata, { plan: 'free', n: [1] })
  })

  it('changes, rotates and revokes a key, each from the answer on', async () => {
    const owner = keys.owner('org_2')
    const { id, key } = await owner.create({ name: 'One' })
    assert.equal((await owner.change(id, { enabled: false, name: 'Two' })).name, 'Two')
    assert.equal((await client.verify(key)).status, 401)
    await owner.change(id, { enabled: true })
    const successor = await owner.rotate(id, { overlapSeconds: 60 })
    assert.equal(successor.replaces, id)
    assert.equal((await owner.rotate(successor.id)).name, 'Two')
    for (const each of await owner.list()) await owner.revoke(each.id)
    assert.equal((await client.verify(successor.key)).status, 401)
    assert.deepEqual(await owner.list(), [])
    assert.equal((await owner.list({ status: 'revoked' })).length, 3)
  })

  it('searches page by page', async () => {
    const owner = keys.owner('org_3')
    const made = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) made.unshift((await owner.create({ name })).id)
    const found = []
    for await (const key of keys.search({ owner: 'org_3', limit: 2 })) found.push(key)
    assert.deepEqual(found.map(({ id }) => id), made)
    assert.ok(found.every(({ ownerId, revokedAt }) => ownerId === 'org_3' && revokedAt === null))
  })

  it('revokes all keys of somebody who leaves', async () => {
    const made = []
    for (const owner of ['org_4', 'org_5']) made.push(await keys.owner(owner).create({ name: 'x', createdBy: 'eve' }))
    assert.deepEqual((await keys.revokeAll({ createdBy: 'eve' })).sort(), made.map(({ id }) => id).sort())
    for (const { key } of made) assert.equal((await client.verify(key)).status, 401)
  })

  it('suspends an owner and lets it come back', async () => {
    const owner = keys.owner('org_6')
    const { key } = await owner.create({ name: 'x' })
    assert.deepEqual(await failure(owner.set({ maxKeys: -1, suspended: true })), [400, 'invalid_request'])
    const { owner: id, maxKeys, suspended, keys: count } = await owner.set({ maxKeys: 1, suspended: true })
    assert.deepEqual([id, maxKeys, suspended, count], ['org_6', 1, true, 1])
    assert.equal((await client.verify(key)).status, 401)
    assert.deepEqual(await failure(owner.create({ name: 'y' })), [409, 'owner_suspended'])
    await owner.set({ maxKeys: 1, suspended: false })
    assert.equal((await client.verify(key)).ok, true)
    assert.equal((await owner.settings()).suspended, false)
    assert.deepEqual(await failure(owner.create({ name: 'y' })), [409, 'limit_reached'])
  })

  it('sets limits and credits', async () => {
    const owner = keys.owner('org_8')
    const daily = [{ limit: 7, every: 'day' }]
    const { id } = await owner.create({ name: 'x', limits: daily, credits: 5 })
    assert.equal((await owner.addCredits(id, -2)).credits, 3)
    assert.deepEqual(await failure(owner.addCredits(id, -4)), [409, 'conflict'])
    assert.equal((await owner.change(id, { limits: null })).limits, null)
    assert.deepEqual((await owner.set({ maxKeys: null, suspended: false, limits: daily })).limits, daily)
    assert.equal((await owner.addSharedCredits(9)).credits, 9)
    assert.equal((await owner.addSharedCredits(null)).credits, null)
  })

  it('tells how much keys are used', async () => {
    const owner = keys.owner('org_9')
    const { id, key } = await owner.create({ name: 'x' })
    assert.equal((await client.verify(key)).ok, true)
    assert.deepEqual(await owner.refusals(id), [])
    const used = async () => (await owner.usage(id, { by: 'hour' })).items
    for (let tries = 0; (await used()).length === 0; tries++) {
      assert.ok(tries < 100, 'a first use is shown within seconds')
      await new Promise(done => setTimeout(done, 200))
    }
    const [{ accepted, cost, refused }] = await used()
    assert.deepEqual([accepted, cost, refused], [1, 1, {}])
    assert.equal((await owner.usageOfAll()).items.length, 1)
    const [{ usage }] = await owner.list({ include: 'usage' })
    assert.equal(usage.length, 30)
    assert.deepEqual(await failure(owner.usage(id, { by: 'week' })), [400, 'invalid_request'])
  })

  it('reads the audit trail', async () => {
    const { id } = await keys.owner('org_7').create({ name: 'x' })
    assert.deepEqual(await keys.scopes(), [])
    const [event] = await keys.auditEvents({ owner: 'org_7', keyId: id, limit: 1 })
    assert.deepEqual([event.action, event.ownerId, event.keyId], ['key.created', 'org_7', id])
    assert.match(event.actor, /^token:/)
  })
})

describe('a failure', () => {
  it('has the status and the code of the answer, and no token', async () => {
    assert.deepEqual(await failure(keys.owner('org_8').get('nothing')), [404, 'key_not_found'])
    assert.deepEqual(await failure(keys.owner('org_8').create({ name: '' })), [400, 'invalid_request'])
    assert.deepEqual(await failure(keys.owner('ö').list()), [400, 'invalid_request'])
    const reader = management(server.url, token('reader', '--allow', 'keys:read', '--owners', 'org_*'))
    assert.deepEqual(await failure(reader.owner('org_8').create({ name: 'x' })), [403, 'missing_right'])
    assert.deepEqual(await failure(reader.owner('someone').list()), [403, 'owner_not_allowed'])
    const unknown = management(server.url, `lk_admin_${'0'.repeat(38)}`)
    assert.deepEqual(await failure(unknown.owner('org_8').list()), [401, 'invalid_token'])
  })

  it('is one too where Latchkey is away, is late, or is somebody else', async () => {
    const list = async (url, options) => failure(management(url, secret, options).owner('a').list())
    assert.deepEqual(await list(await away()), [0, 'unreachable'])
    assert.deepEqual(await list(await startUpstream([3000]), { timeout: 100 }), [0, 'unreachable'])
    assert.deepEqual(await list(await startUpstream(['HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<h1>Hello</h1>'])), [200, 'unknown'])
    const echo = `HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n{"error":"No ${secret}"}`
    assert.deepEqual(await list(await startUpstream([echo])), [403, 'unknown'])
    const redirect = `HTTP/1.1 307 Elsewhere\r\nlocation: ${server.url}/api/v1/admin/owners/a/api-keys\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`
    assert.deepEqual(await list(await startUpstream([redirect])), [307, 'unknown'])
  })

  it('comes before the call where an owner would make the address another call\'s', () => {
    for (const id of ['', '.', '..', undefined]) assert.throws(() => keys.owner(id), TypeError)
    for (const id of ['', '.', '..', undefined]) assert.throws(() => keys.owner('a').get(id), TypeError)
    assert.throws(() => management(server.url, 'sk_live_x'), error => error instanceof TypeError && !error.message.includes('sk_live'))
  })
})
