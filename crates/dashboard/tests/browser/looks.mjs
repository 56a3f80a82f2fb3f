// Every state, light, dark and narrow: axe finds nothing, and nothing is wider than a small window.
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import { item } from './harness.mjs'
import { states } from './states_shown.mjs'
import { assertFits } from './steps.mjs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 320, height: 640 }

// The size of targets is a rule of WCAG 2.2, which axe checks on demand.
const ALL = { rules: { 'target-size': { enabled: true } } }
const CONTRAST = { runOnly: ['color-contrast'] }

async function assertNoViolation(page, look, rules) {
  // By the protocol, since the page's policy would forbid it.
  const session = await page.context().newCDPSession(page)
  await session.send('Runtime.evaluate', { expression: AXE })
  const violations = await page.evaluate(async rules => {
    const ending = document.getAnimations().filter(it => it.effect.getComputedTiming().endTime !== Infinity)
    await Promise.all(ending.map(it => it.finished.catch(() => {})))
    const { violations } = await globalThis.axe.run(document, rules)
    return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(it => `${it.target.join(' ')}: ${it.failureSummary}`) }))
  }, rules)
  assert.deepEqual(violations, [], look)
}

for (const { name, reach, ...options } of states) {
  item([36, 37, 38], `${name}: axe finds nothing in light, dark and 320 px, where nothing scrolls sideways`, async window => {
    const { page } = window
    await page.setViewportSize(WIDE)
    await reach(window)
    await page.emulateMedia({ colorScheme: 'light' })
    await assertNoViolation(page, 'light', ALL)
    await page.emulateMedia({ colorScheme: 'dark' })
    await assertNoViolation(page, 'dark', CONTRAST)
    await assertFits(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await assertNoViolation(page, 'at 320 px', ALL)
  }, options)
}
