// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hearServerTime, serverNow } from '../../assets/clock.js'

const TOLD = '2026-03-24T15:30:00.000Z'
const away = () => serverNow() - Date.parse(TOLD)

test('the time is what the server told and what has passed since', () => {
  hearServerTime(TOLD, performance.now() - 60_000)
  assert.ok(away() >= 60_000 && away() < 120_000, `${away()}`)
})

test('what the server tells last counts, also where its clock was set back', () => {
  hearServerTime('2027-01-01T00:00:00.000Z')
  hearServerTime(TOLD)
  assert.ok(away() >= 0 && away() < 60_000, `${away()}`)
})

test('the clock of the reader may be set to anything meanwhile', () => {
  hearServerTime(TOLD)
  const { now } = Date
  try {
    Date.now = () => now() + 86_400_000
    assert.ok(away() < 60_000, `${away()}`)
  } finally {
    Date.now = now
  }
})
