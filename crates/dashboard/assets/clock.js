// @ts-check
let told = Date.now()
let heard = performance.now()

/**
 * Sets the server's clock: it said `time` at the moment `at` of `performance.now()`. The latest `time` counts, since
 * the browser's clock may stand while the machine sleeps.
 * @param {string} time
 */
export function hearServerTime(time, at = performance.now()) {
  told = Date.parse(time)
  heard = at
}

/**
 * The time by the server's clock, in milliseconds. The reader's clock may be wrong, and counts only until the server
 * has said the time.
 */
export const serverNow = () => Math.floor(told + performance.now() - heard)

/** When the page began to arrive, for a time that is written into it. */
export function pageBegan() {
  const [navigation] = performance.getEntriesByType('navigation')
  return Math.min(performance.now(), navigation instanceof PerformanceNavigationTiming ? navigation.responseStart : Infinity)
}
