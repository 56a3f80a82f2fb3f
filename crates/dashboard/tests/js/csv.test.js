// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { csv } from '../../assets/csv.js'

const cell = (/** @type {unknown} */ value) => csv([[value]]).replace(/^\ufeff/, '').replace(/\r\n$/, '')

/** What a spreadsheet would run. */
const isFormula = (/** @type {string} */ cell) => /^["\s]*[=+\-@＝＋－＠\t\r]/.test(cell)

const SIGNS = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t=', '\r=']
const ATTACKS = SIGNS.flatMap(sign => [
  `${sign}1`, ` ${sign}1`, `"${sign}1"`, `x;${sign}1+cmd|' /C calc'!A0;`, `x; ${sign}1`, `x;"${sign}1"`, `x;;${sign}1`, `a\n${sign}1`, `a\t${sign}1`,
])

test('every cell stands in quotation marks, and theirs are doubled', () => {
  assert.equal(csv([['a', 'b,c'], ['d "e"', null]]), '\ufeff"a","b,c"\r\n"d ""e""",""\r\n')
})

test('what is harmless stays as it is', () => {
  const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)'
  for (const value of ['Production', 'a-b', '2026-03-24T15:30:00.000Z', '::1', agent, 'x=1', 'name: A → B; enabled: true → false']) {
    assert.equal(cell(value), `"${value}"`)
  }
})

test('no cell begins with a sign that makes a formula of it', () => {
  for (const attack of ATTACKS) {
    const read = cell(attack).slice(1, -1).replaceAll('""', '"')
    assert.ok(!isFormula(read), JSON.stringify(attack))
    assert.equal(read.replaceAll("'", ''), attack.replaceAll("'", ''), 'nothing is lost')
  }
})

test('nor does one where the list separator is another', () => {
  for (const attack of ATTACKS) {
    for (const part of csv([['x', attack, 'y']]).split(/[;\t\r\n]/)) assert.ok(!isFormula(part), JSON.stringify([attack, part]))
  }
})
