let told = Date.now()
let heard = performance.now()

/**
 * Takes `time`, an instant as the API writes it, for the server's at the moment `at` of `performance.now()`.
 * What is told last counts: the browser's own count of milliseconds may stand while the machine sleeps.
 */
export function hearServerTime(time, at = performance.now()) {
  told = Date.parse(time)
  heard = at
}

/**
 * The time by the server's clock, in milliseconds: what it told last and what has passed since. The clock of
 * the reader may be wrong, and counts only until the server has told anything.
 */
export const serverNow = () => Math.floor(told + performance.now() - heard)

/** When the page that holds a script began to arrive, for a time that was written into it. */
export function pageBegan() {
  const [navigation] = performance.getEntriesByType('navigation')
  return Math.min(performance.now(), navigation?.responseStart ?? Infinity)
}
