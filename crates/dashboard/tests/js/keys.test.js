// @ts-check
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import {
  counted, cutSecrets, expiresSoon, folded, isExpired, isUnused, matching, pageOf, queryOf, silence, soughtIn, statuses, variableFor, viewFrom, wasUsedLately,
} from '../../assets/keys.js'

const NOW = Date.parse('2026-03-24T15:30:00.000Z')
const DAY = 86_400_000
const at = (/** @type {number} */ days) => new Date(NOW + days * DAY).toISOString()
const SECRET = 'sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7'

/** @param {Partial<Key>} more @returns {Key} */
const key = (more = {}) => ({
  id: 'a', name: 'Production', keyPrefix: 'sk_live_abc1', lastUsedAt: null, createdAt: at(-1), environment: 'live', enabled: true, expiresAt: null, replacedBy: null,
  createdBy: null, metadata: {}, scopes: null, allowedNetworks: null, limits: null, credits: null, ...more,
})

test('a key that works is active and nothing else', () => {
  assert.deepEqual(statuses(key(), NOW), ['active'])
  assert.deepEqual(statuses(key({ expiresAt: at(8) }), NOW), ['active'])
  assert.deepEqual(statuses(key({ expiresAt: at(1) }), NOW), ['active', 'expiring'])
})

test('a key can be disabled, expired, replaced and unused at once', () => {
  const worn = key({ enabled: false, expiresAt: at(-1), replacedBy: 'b', createdAt: at(-90) })
  assert.deepEqual(statuses(worn, NOW), ['disabled', 'expired', 'replaced', 'unused'])
})

test('a key has expired at the very instant of its expiry', () => {
  assert.ok(isExpired(key({ expiresAt: at(0) }), NOW))
  assert.ok(!isExpired(key({ expiresAt: new Date(NOW + 1).toISOString() }), NOW))
})

test('a key expires soon within seven days, unless it was replaced', () => {
  assert.ok(expiresSoon(key({ expiresAt: at(7) }), NOW))
  assert.ok(!expiresSoon(key({ expiresAt: at(7.01) }), NOW))
  assert.ok(!expiresSoon(key({ expiresAt: at(-1) }), NOW))
  assert.ok(!expiresSoon(key({ expiresAt: at(1), replacedBy: 'b' }), NOW))
})

test('what was never used counts as unused from its creation', () => {
  assert.ok(isUnused(key({ createdAt: at(-90) }), NOW))
  assert.ok(!isUnused(key({ createdAt: at(-89) }), NOW))
  assert.ok(!isUnused(key({ createdAt: at(-200), lastUsedAt: at(-89) }), NOW))
})

test('a use lies lately within seven days', () => {
  assert.ok(wasUsedLately(key({ lastUsedAt: at(-7) }), NOW))
  assert.ok(!wasUsedLately(key({ lastUsedAt: at(-7.01) }), NOW))
  assert.ok(!wasUsedLately(key(), NOW))
})

test('a replaced key is used while calls come, and silent an hour after the last one and after it was replaced', () => {
  const hours = (/** @type {number} */ number) => at(-number / 24)
  const old = (/** @type {string | null} */ lastUsedAt) => key({ replacedBy: 'b', expiresAt: at(1), lastUsedAt })
  const successor = (/** @type {string} */ createdAt) => key({ id: 'b', createdAt })
  assert.equal(silence(old(hours(0.9)), successor(hours(3)), NOW), 'used')
  assert.equal(silence(old(hours(1)), successor(hours(3)), NOW), 'silent')
  assert.equal(silence(old(null), successor(hours(3)), NOW), 'silent')
  assert.equal(silence(old(hours(5)), successor(hours(0.5)), NOW), null, 'a program may not have called yet')
  assert.equal(silence(old(hours(5)), undefined, NOW), null, 'its successor was revoked')
  assert.equal(silence({ ...old(hours(5)), enabled: false }, successor(hours(3)), NOW), null)
  assert.equal(silence(key({ lastUsedAt: hours(0.1) }), undefined, NOW), null)
})

test('keys are sorted by their calls, the most used first; others know none', () => {
  const keys = [key({ id: 'a', usage: [0, 5] }), key({ id: 'b' }), key({ id: 'c', usage: [10, 0] })]
  assert.deepEqual(matching(keys, viewFrom('?sort=calls'), NOW).map(({ id }) => id), ['c', 'a', 'b'])
  assert.deepEqual(matching(keys, viewFrom('?sort=calls&order=asc'), NOW).map(({ id }) => id), ['b', 'a', 'c'])
})

test('replaced keys do not count towards the limit', () => {
  assert.equal(counted([key(), key({ replacedBy: 'b' }), key({ enabled: false })]), 2)
})

test('whatever looks like a key is cut to its prefix', () => {
  assert.equal(cutSecrets(SECRET), 'sk_live_0123')
  assert.equal(cutSecrets(SECRET.slice(0, 20)), 'sk_live_0123')
  assert.equal(cutSecrets(`export KEY="${SECRET}" # acme_test_wxyz12345`), 'export KEY="sk_live_0123" # acme_test_wxyz')
  assert.equal(cutSecrets('sk_live_0123'), 'sk_live_0123')
  assert.equal(cutSecrets('Zapier live_2 integration'), 'Zapier live_2 integration')
})

test('a view survives the way to the query string and back', () => {
  /** @type {View} */
  const view = { q: 'a&b', status: 'unused', environment: 'test', sort: 'name', order: 'desc', page: 3 }
  assert.deepEqual(viewFrom(queryOf(view)), view)
})

test('the plain view leaves the query string empty, and others their members', () => {
  assert.equal(queryOf(viewFrom('')), '')
  assert.equal(queryOf(viewFrom('?page=2&theirs=1'), '?page=2&theirs=1'), '?page=2&theirs=1')
  assert.equal(queryOf({ ...viewFrom(''), page: 1 }, '?page=2&theirs=1'), '?theirs=1')
})

test('nonsense in the query string is the plain view, and a key in it is cut', () => {
  assert.deepEqual(viewFrom('?status=x&environment=&sort=0&order=up&page=-1'), viewFrom(''))
  assert.equal(viewFrom(`?q=${SECRET}`).q, 'sk_live_0123')
})

test('a search finds names and prefixes, in either case', () => {
  const keys = [key(), key({ id: 'b', name: 'Zapier', keyPrefix: 'sk_test_XYZ9', environment: 'test' })]
  const found = (/** @type {string} */ query) => matching(keys, viewFrom(query), NOW).map(({ id }) => id).join('')
  assert.equal(found('?q=ZAP'), 'b')
  assert.equal(found('?q=sk_live'), 'a')
  assert.equal(found('?q=%20xyz9%20'), 'b')
  assert.equal(found('?environment=test'), 'b')
  assert.equal(found('?q=nothing'), '')
})

test('keys are sorted by name as people count, by creation as the API lists, by use with the unused last', () => {
  const keys = [key({ id: 'a', name: 'Key 10' }), key({ id: 'b', name: 'Key 9', lastUsedAt: at(-2) }), key({ id: 'c', name: 'key 1', lastUsedAt: at(-1) })]
  const order = (/** @type {string} */ query) => matching(keys, viewFrom(query), NOW).map(({ id }) => id).join('')
  assert.equal(order(''), 'abc')
  assert.equal(order('?order=asc'), 'cba')
  assert.equal(order('?sort=name'), 'cba')
  assert.equal(order('?sort=used'), 'cba')
  assert.equal(order('?sort=used&order=asc'), 'abc')
})

test('names are sorted and found as the server sorts and finds them', () => {
  const { sorted, found } = JSON.parse(readFileSync(new URL('../names.json', import.meta.url), 'utf8'))
  const named = sorted.toReversed().map((/** @type {string} */ name) => key({ name }))
  assert.deepEqual(matching(named, viewFrom('?sort=name'), NOW).map(({ name }) => name), sorted)
  for (const [q, name, isFound] of found) assert.equal(folded(name).includes(soughtIn(q)), isFound, `${q} in ${name}`)
})

test('a page says from which to which key it shows, and none lies beyond the last', () => {
  const keys = Array.from({ length: 132 }, (_, at) => key({ id: `${at}` }))
  const { from, to, total, pages } = pageOf(keys, 1, 25)
  assert.deepEqual([from, to, total, pages], [1, 25, 132, 6])
  assert.deepEqual([pageOf(keys, 99, 25).page, pageOf(keys, 99, 25).from, pageOf(keys, 99, 25).to], [6, 126, 132])
})

test('a variable is called after the key', () => {
  for (const [name, variable] of [
    ['Production', 'PRODUCTION_API_KEY'], ['Server-side app', 'SERVER_SIDE_APP_API_KEY'], ['Zürich key', 'ZURICH_API_KEY'],
    ['My API key', 'MY_API_KEY'], ['2nd', 'KEY_2ND_API_KEY'], ['鍵', 'LATCHKEY_API_KEY'], ['Untitled key', 'LATCHKEY_API_KEY'], ['key', 'LATCHKEY_API_KEY'],
  ]) assert.equal(variableFor(name), variable, name)
})
