// @ts-check
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { program } from '../../assets/program.js'

test('browsers are called by their names, as on the pages that the server draws', () => {
  const cases = JSON.parse(readFileSync(new URL('../programs.json', import.meta.url), 'utf8'))
  for (const [userAgent, name] of cases) assert.equal(program(userAgent), name)
})
