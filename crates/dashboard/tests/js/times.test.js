// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { brief, countdown, dateField, endOfDay, lastWholeDay, relative } from '../../assets/times.js'

const NOW = Date.parse('2026-03-24T15:30:00.000Z')
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const at = (/** @type {number} */ away) => new Date(NOW + away).toISOString()

test('what has passed counts when it is complete', () => {
  for (const [away, text] of /** @type {[number, string][]} */ ([
    [0, 'in a moment'], [-1, 'just now'], [-MINUTE + 1, 'just now'], [-3 * MINUTE, '3 minutes ago'], [-2 * HOUR + 1, '1 hour ago'],
    [-2 * DAY + 1, '1 day ago'], [-30 * DAY, '1 month ago'], [-800 * DAY, '2 years ago'],
  ])) assert.equal(relative(at(away), NOW), text)
})

test('what comes is rounded, so that a key made for seven days expires in 7 days', () => {
  for (const [away, text] of /** @type {[number, string][]} */ ([
    [7 * DAY - 400, 'in 7 days'], [30 * DAY - 400, 'in 1 month'], [365 * DAY - 400, 'in 1 year'], [20 * HOUR, 'in 20 hours'], [10 * SECOND, 'in a moment'],
  ])) assert.equal(relative(at(away), NOW), text)
})

test('tables are brief, in the words that the server writes before scripts run', () => {
  for (const [away, text] of /** @type {[number, string][]} */ ([
    [-59_999, 'just now'], [-MINUTE, '1m ago'], [-2 * DAY + 1, '1d ago'], [-800 * DAY, '2y ago'], [20 * HOUR, 'in 20h'], [7 * DAY - 400, 'in 7d'],
    [30 * DAY - 400, 'in 1mo'], [10_000, 'in a moment'],
  ])) assert.equal(brief(at(away), NOW), text)
})

test('a countdown shows its two largest units and never rounds up', () => {
  for (const [left, text] of /** @type {[number, string][]} */ ([
    [DAY - 1, '23h 59m'], [7 * DAY - 1, '6d 23h'], [HOUR, '1h'], [59 * SECOND, '< 1m'], [-DAY, '< 1m'],
  ])) assert.equal(countdown(at(left), NOW), text)
})

test('a day lasts until its last millisecond where the reader is', () => {
  const end = new Date(endOfDay('2026-03-24'))
  assert.equal(dateField(end.getTime()), '2026-03-24')
  assert.equal(dateField(end.getTime() + 1), '2026-03-25')
})

test('the last whole day before an end is over by then', () => {
  const end = Date.parse(endOfDay('2026-03-24'))
  const before = (/** @type {number} */ away) => lastWholeDay(new Date(end + away).toISOString())
  assert.deepEqual([before(0), before(1), before(-1), before(DAY)], ['2026-03-24', '2026-03-24', '2026-03-23', '2026-03-25'])
})
