// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { choiceOf, coveredBy, covers, inOrder, memberOf, networksIn } from '../../assets/scopes.js'

/** @param {string} name @param {Partial<ScopeOf>} more @returns {ScopeOf} */
const scope = (name, more = {}) => ({ name, description: name, group: null, default: false, restricted: false, ...more })
const CATALOGUE = [scope('a', { default: true }), scope('b', { group: 'B' }), scope('c', { group: 'B', restricted: true, default: true })]

/** @param {ScopeOf[]} catalogue @param {string[] | null | undefined} held */
function choice(catalogue, held, mayGiveAll = false) {
  const { groups, ...rest } = choiceOf(catalogue, held, mayGiveAll)
  const rows = groups.flatMap(group => group.rows)
  const names = (/** @type {ScopeRow[]} */ some) => some.map(row => row.name).join()
  return { ...rest, groups: groups.map(group => group.name), ticked: names(rows.filter(row => row.isTicked)), locked: names(rows.filter(row => row.isLocked)) }
}

test('a new key begins with the defaults that may be given, and without defaults with full access', () => {
  assert.deepEqual(choice(CATALOGUE, undefined), { groups: ['B', null], others: [], ticked: 'a', locked: 'c', isFullOffered: false, isFull: false })
  assert.deepEqual(choice(CATALOGUE, undefined, true), { groups: ['B', null], others: [], ticked: 'c,a', locked: '', isFullOffered: true, isFull: false })
  assert.deepEqual(choice([scope('a')], undefined), { groups: [null], others: [], ticked: '', locked: '', isFullOffered: true, isFull: true })
  assert.equal(choice([scope('a'), scope('b', { restricted: true })], undefined).isFull, false)
})

test('what a key has already may stay', () => {
  assert.deepEqual(choice(CATALOGUE, ['x:*', 'c']), { groups: ['B', null], others: ['x:*'], ticked: 'c', locked: '', isFullOffered: false, isFull: false })
  assert.deepEqual(choice(CATALOGUE, null), { groups: ['B', null], others: [], ticked: 'a', locked: 'c', isFullOffered: true, isFull: true })
  assert.equal(choice(CATALOGUE, []).ticked, '')
})

test('what stays keeps its place', () => {
  assert.deepEqual(inOrder(['c', 'a', 'x'], ['a', 'b', 'c']), ['c', 'a', 'b'])
  assert.deepEqual(inOrder(null, ['b', 'a']), ['b', 'a'])
  assert.deepEqual(inOrder(undefined, []), [])
})

test('a wildcard covers what is below it, and not the scope itself', () => {
  for (const [grant, name, is] of /** @type {[string, string, boolean][]} */ ([
    ['docs:*', 'docs:read', true], ['docs:*', 'docs:a:b', true], ['docs:*', 'docs', false], ['docs:*', 'docsx:a', false], ['*', 'docs', true], ['docs', 'docs', true], ['docs', 'docs:read', false],
  ])) assert.equal(covers(grant, name), is, `${grant} ${name}`)
  assert.equal(coveredBy(['a:b', 'a:*'], 'a:b'), 'a:*')
  assert.equal(coveredBy(['a:b'], 'a:b'), undefined)
  assert.equal(coveredBy(['a:*'], 'a:*'), undefined)
})

test('networks are typed one a line, or with commas', () => {
  assert.deepEqual(networksIn('10.0.0.0/8\r\n ::1, 192.0.2.7;'), ['10.0.0.0/8', '::1', '192.0.2.7'])
  assert.equal(networksIn(' \n '), null)
})

test('a refusal belongs to the field that it is about', () => {
  assert.equal(memberOf('allowedNetworks: entry 2 is no network'), 'allowedNetworks')
  assert.equal(memberOf('allowedNetworks must have at most 32 entries'), 'allowedNetworks')
  assert.equal(memberOf('There is no scope docs:reed here'), 'scopes')
  assert.equal(memberOf('scopes must not have billing:pay: only a management token may give that'), 'scopes')
  assert.equal(memberOf('name is required'), null)
})
