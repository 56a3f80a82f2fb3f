// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ApiError, judge, wanted } from '../../assets/answer.js'

const ADA = '019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13'
const BOB = '019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f14'
const OURS = {
  'content-type': 'application/json', 'x-latchkey-time': '2026-03-24T15:30:00.000Z', 'x-request-id': 'a-request', 'x-latchkey-account': ADA,
}
/** @type {Key} */
const ITEM = {
  id: 'a', name: 'Production', keyPrefix: 'sk_live_abc1', lastUsedAt: null, createdAt: '2026-03-24T15:30:00.000Z', environment: 'live', enabled: true,
  expiresAt: null, replacedBy: null, createdBy: null, metadata: {}, scopes: null, allowedNetworks: null, limits: null, credits: null,
}
/** @type {Issued} */
const ISSUED = { id: 'b', name: 'Production', key: 'sk_live_…', keyPrefix: 'sk_live_abc2', createdAt: ITEM.createdAt, environment: 'live', expiresAt: null }

/**
 * @typedef {{ status?: number, headers?: Record<string, string>, body?: unknown, as?: Wanted<object>, account?: string? }} Asked
 * @param {Asked} asked
 */
function judged({ status = 200, headers = OURS, body, as = wanted.success, account = ADA }) {
  return judge({ response: { status, headers: new Headers(headers) }, body: /** @type {Json} */ (body), wanted: as, account })
}

/** @param {Asked} asked @returns {ApiError} */
const refused = asked => {
  try {
    judged(asked)
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
  return assert.fail(`${JSON.stringify(asked)} counts as done`)
}

test('an answer of Latchkey that says what was asked for is done', () => {
  for (const [as, body, status] of /** @type {[Wanted<object>, unknown, number][]} */ ([
    [wanted.success, { success: true }, 200], [wanted.items, [], 200], [wanted.items, [ITEM], 200], [wanted.item('a'), ITEM, 200],
    [wanted.issued, ISSUED, 201], [wanted.replacementOf('a'), { ...ISSUED, replaces: 'a' }, 201],
    [wanted.session, { id: ADA, email: 'ada@example.com', createdAt: ITEM.createdAt }, 200],
    [wanted.session, { id: ADA, email: null, createdAt: null }, 200],
    [wanted.signedUp, { id: ADA, email: 'ada@example.com', createdAt: ITEM.createdAt }, 201],
    [wanted.events, [{ id: 'e', at: ITEM.createdAt, action: 'key.created' }], 200],
  ])) assert.equal(judged({ as, body, status }), body)
})

test('a page, another JSON, another status and another key are not what was asked for', () => {
  for (const [as, body, status] of /** @type {[Wanted<object>, unknown, number][]} */ ([
    [wanted.success, undefined, 200], [wanted.success, {}, 200], [wanted.success, { success: 'true' }, 200], [wanted.success, { success: true }, 202],
    [wanted.success, null, 200], [wanted.items, {}, 200], [wanted.items, [{ id: 1 }], 200], [wanted.items, [null], 200], [wanted.item('b'), ITEM, 200],
    [wanted.issued, ISSUED, 200], [wanted.issued, { ...ISSUED, key: undefined }, 201], [wanted.replacementOf('c'), { ...ISSUED, replaces: 'a' }, 201],
    [wanted.session, { email: 'ada@example.com' }, 200], [wanted.signedIn, { id: ADA }, 200], [wanted.events, [{}], 200],
  ])) {
    const error = refused({ as, body, status })
    assert.ok(error.isForeign && error.isUncertain, JSON.stringify(body))
    assert.match(error.message, /did not come from this service/)
  }
})

test('an answer of anybody else proves nothing: neither success, nor that the key is gone, nor that the session is over', () => {
  for (const [status, headers, body] of /** @type {[number, Record<string, string>, unknown][]} */ ([
    [200, { 'content-type': 'text/html' }, undefined],
    [200, { 'content-type': 'application/json', 'x-request-id': 'theirs' }, { success: true }],
    [200, { ...OURS, 'content-type': 'text/html' }, { success: true }],
    [200, { ...OURS, 'content-type': 'application/jsonp' }, { success: true }],
    [200, { 'content-type': 'application/json', 'x-latchkey-time': OURS['x-latchkey-time'] }, { success: true }],
    [404, { 'content-type': 'text/html' }, undefined],
    [404, { 'content-type': 'application/json' }, { error: 'API key not found' }],
    [404, OURS, { message: 'no such route' }],
    [401, { 'content-type': 'application/json' }, { error: 'Authentication required' }],
    [502, { 'content-type': 'text/html' }, undefined],
    [0, {}, undefined],
  ])) {
    const { isForeign, isSignedOut, isGone, isUncertain, status: told } = refused({ status, headers, body })
    assert.deepEqual([isForeign, isSignedOut, isGone, isUncertain, told], [true, false, false, true, 0], `${status}`)
  }
})

test('an error of Latchkey keeps its words, its request id and when to try again', () => {
  const headers = { ...OURS, 'retry-after': '30' }
  const error = refused({ status: 429, headers, body: { error: 'Too many' } })
  assert.deepEqual([error.message, error.status, error.requestId, error.retryAfter, error.isForeign, error.isUncertain], ['Too many', 429, 'a-request', 30, false, false])
  assert.ok(refused({ status: 401, body: { error: 'Authentication required' } }).isSignedOut)
  assert.ok(refused({ status: 404, body: { error: 'API key not found' } }).isGone)
  assert.ok(refused({ status: 503, body: { error: 'Temporarily unavailable' } }).isUncertain)
})

test('what was answered to another account is not handed out, whether success or error', () => {
  for (const [status, body] of /** @type {[number, unknown][]} */ ([[200, { success: true }], [404, { error: 'API key not found' }], [409, { error: 'Another account' }]])) {
    const error = refused({ status, headers: { ...OURS, 'x-latchkey-account': BOB }, body })
    assert.ok(error.isOtherAccount && !error.isForeign && !error.isGone, `${status}`)
  }
})

test('a page that was made for nobody yet takes the first account that is answered for', () => {
  assert.deepEqual(judged({ as: wanted.items, body: [], account: null }), [])
})
