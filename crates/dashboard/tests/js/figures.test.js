// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { barsOf, beginOf, bucketsOf, linePath, reasonsOf, refusalOf } from '../../assets/figures.js'

const NOW = Date.parse('2026-03-24T15:30:00.000Z')
const HOUR = 3_600_000

test('a line goes from the foot of its box to the head', () => {
  const days = Array(30).fill(0)
  assert.ok(linePath(days).startsWith('M0 18L4 18'))
  days[1] = 1
  days[29] = 3
  assert.ok(linePath(days).startsWith('M0 18L4 13L8 18'))
  assert.ok(linePath(days).endsWith('L112 18L116 2'))
})

test('days and hours without a call are there, up to now', () => {
  const start = '2026-03-23T00:00:00.000Z'
  const days = bucketsOf({ by: 'day', items: [{ start, accepted: 7, cost: 9, refused: { rate: 2, scope: 1 } }] }, 30, NOW)
  assert.equal(days.length, 30)
  assert.equal(new Date(days[29].start).toISOString(), '2026-03-24T00:00:00.000Z')
  assert.equal(days[0].start, beginOf('day', 30, NOW))
  assert.deepEqual(days[28], { start: Date.parse(start), accepted: 7, cost: 9, refused: 3, reasons: { rate: 2, scope: 1 } })
  assert.equal(days[29].accepted, 0)
  const hours = bucketsOf({ by: 'hour', items: [] }, 48, NOW)
  assert.equal(hours[47].start - hours[0].start, 47 * HOUR)
  assert.equal(new Date(hours[47].start).toISOString(), '2026-03-24T15:00:00.000Z')
})

/** @param {number} accepted @param {number} refused @returns {Bucket} */
const bucket = (accepted, refused) => ({ start: 0, accepted, cost: accepted, refused, reasons: refused ? { rate: refused } : {} })

test('accepted calls stand above the line, refused ones below, by one scale, and what is there is seen', () => {
  const { line, bars } = barsOf([bucket(100, 0), bucket(50, 100), bucket(1, 1), bucket(0, 0)], 104)
  assert.deepEqual(bars, [{ up: 50, down: 0 }, { up: 25, down: 50 }, { up: 2, down: 2 }, { up: 0, down: 0 }])
  assert.equal(line, 51)
  for (const { up, down } of bars) assert.ok(line - up >= 0 && line + 1 + down <= 104)
})

test('where there was no call there is no bar', () => {
  assert.deepEqual(barsOf([bucket(0, 0)], 104).bars, [{ up: 0, down: 0 }])
})

test('reasons are counted together, the most frequent first', () => {
  const buckets = [{ ...bucket(0, 3), reasons: { rate: 1, scope: 2 } }, { ...bucket(0, 4), reasons: { rate: 4 } }]
  assert.deepEqual(reasonsOf(buckets), [['rate', 5], ['scope', 2]])
  assert.deepEqual(reasonsOf([{ ...bucket(0, 4), reasons: { scope: 2, rate: 2 } }]), [['rate', 2], ['scope', 2]])
})

test('a refusal is found by its request id, however that was pasted', () => {
  const refusals = [{ requestId: null }, { requestId: '019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d' }]
  for (const typed of ['019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d', ' 019D2070-9A3F-7A02-9D6B-3E5F7A9C1B2D\n', 'x-request-id: 019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d']) {
    assert.equal(refusalOf(refusals, typed), refusals[1], typed)
  }
  for (const typed of ['', 'null', '019d2070']) assert.equal(refusalOf(refusals, typed), undefined, typed)
})
