// @ts-check
import { fill, text } from './strings.js'

// Browsers name other browsers for the sake of old sites. One that names fewer comes later.
const BROWSERS = { 'Edg': 'Edge', 'OPR/': 'Opera', 'Firefox/': 'Firefox', 'FxiOS/': 'Firefox', 'Chrome/': 'Chrome', 'Safari/': 'Safari' }
const SYSTEMS = {
  'Windows': 'Windows', 'Android': 'Android', 'iPhone': 'iPhone', 'iPad': 'iPad', 'CrOS': 'ChromeOS', 'Mac OS X': 'macOS', 'Linux': 'Linux',
}

/** As `src/user_agent.rs`: the name of the browser in a `User-Agent`; the text itself if no browser is found. @param {string} userAgent */
export function program(userAgent) {
  const first = (/** @type {Record<string, string>} */ known) => Object.entries(known).find(([mark]) => userAgent.includes(mark))?.[1]
  const [browser, system] = [first(BROWSERS), first(SYSTEMS)]
  return browser && system && userAgent.startsWith('Mozilla/') ? fill(text.browserOn, { browser, system }) : userAgent
}
