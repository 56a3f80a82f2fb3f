// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { changesCell, told } from '../../assets/told.js'

/** @param {Told['action']} action @param {Partial<Told>} more @returns {Told} */
const event = (action, more = {}) => ({ action, keyId: 'a', keyName: 'B', changes: null, ...more })
const shown = (/** @type {Part} */ part) => typeof part === 'string' ? part : 'at' in part ? part.at : `“${part.name}”`
const read = (/** @type {Told} */ event, id = 'a') => told(event, id).map(parts => parts.map(shown).join(''))

test('an event says what was done to which key', () => {
  assert.deepEqual(read(event('key.created')), ['Created “B”'])
  assert.deepEqual(read(event('key.rotated')), ['Rotated “B”'])
  assert.deepEqual(read(event('key.revoked')), ['Revoked “B”'])
  assert.deepEqual(read(event('key.leaked')), ['Leaked key “B” revoked'])
  assert.deepEqual(read(event('key.rotated'), 'its successor'), ['Issued in the place of “B”'])
})

test('a change says what was before and after', () => {
  const changed = (/** @type {object} */ changes) => read(event('key.changed', { changes }))
  const [may, june] = ['2027-05-01T00:00:00.000Z', '2027-06-01T00:00:00.000Z']
  assert.deepEqual(changed({ name: ['A', 'B'] }), ['Renamed “A” to “B”'])
  assert.deepEqual(changed({ enabled: [true, false] }), ['Disabled “B”'])
  assert.deepEqual(changed({ enabled: [false, true] }), ['Enabled “B”'])
  assert.deepEqual(changed({ expiresAt: [null, may] }), [`Expiry of “B” set to ${may}`])
  assert.deepEqual(changed({ expiresAt: [may, june] }), [`Expiry of “B” moved to ${june}`])
  assert.deepEqual(changed({ expiresAt: [june, null] }), ['Expiry of “B” removed'])
  assert.deepEqual(changed({ name: ['A', 'B'], enabled: [true, false] }), ['Renamed “A” to “B”', 'Disabled “B”'])
  assert.deepEqual(changed({ metadata: [{}, { a: 1 }], enabled: [true, false] }), ['Disabled “B”', 'Changed metadata of “B”'])
  assert.deepEqual(changed({ scopes: [null, ['a', 'b:*']] }), ['Scopes of “B” set to a, b:*'])
  assert.deepEqual(changed({ scopes: [null, ['a', 'b', 'c', 'd', 'e', 'f', 'g']] }), ['Scopes of “B” set to a, b, c, d, e and 2 more'])
  assert.deepEqual(changed({ scopes: [['a'], []] }), ['Took all scopes from “B”'])
  assert.deepEqual(changed({ scopes: [['a'], null] }), ['Gave “B” full access'])
  assert.deepEqual(changed({ allowedNetworks: [null, ['10.0.0.0/8']] }), ['Allowed “B” only from 10.0.0.0/8'])
  assert.deepEqual(changed({ allowedNetworks: [['::/0'], null] }), ['Allowed “B” from every network'])
  assert.deepEqual(changed({ limits: [null, [{ limit: 5, every: 'second' }, { limit: 1000, every: 'day' }]] }), ['Limits of “B” set to 5 a second, 1000 a day'])
  assert.deepEqual(changed({ limits: [[{ limit: 5, every: 'hour' }], null] }), ['Limits of “B” removed'])
  assert.deepEqual(changed({ newer: [1, 2] }), ['Changed “B”'])
})

test('an event about credits says what was left', () => {
  const added = (/** @type {[number | null, number | null]} */ credits) => read(event('credits.added', { changes: { credits } }))
  assert.deepEqual(added([null, 5]), ['Credits of “B” counted from now on: 5'])
  assert.deepEqual(added([5, 0]), ['Credits of “B” changed from 5 to 0'])
  assert.deepEqual(added([5, null]), ['Credits of “B” no longer counted'])
  assert.deepEqual(read(event('credits.stranded', { changes: { stranded: 7 } })), ['7 credits of “B” lost with an instance that crashed'])
  assert.deepEqual(read(event('credits.added', { keyName: null, changes: { credits: [1, 2] } })), ['Credits added or taken'])
})

test('events from before names were kept are told without them', () => {
  assert.deepEqual(read(event('key.changed', { keyName: null })), ['Key changed'])
  assert.deepEqual(read(event('key.rotated', { keyName: null }), 'its successor'), ['Issued as a replacement'])
})

test('the changes are one cell', () => {
  assert.equal(changesCell(null), '')
  assert.equal(changesCell({ name: ['A', 'B'], expiresAt: [null, '2027'] }), 'name: A → B; expiresAt: Never → 2027')
  assert.equal(changesCell({ metadata: [{}, { plan: 'pro' }] }), 'metadata: {} → {"plan":"pro"}')
  assert.equal(changesCell({ scopes: [null, ['a', 'b']] }), 'scopes: null → ["a","b"]')
  assert.equal(changesCell({ credits: [null, 5], stranded: 7 }), 'credits: null → 5; stranded: 7')
})
