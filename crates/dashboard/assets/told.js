// @ts-check
import { fill, parts, text } from './strings.js'

const ENUMERATED = 5

/**
 * `event` in the history of the key `id`, in the words of the Activity page.
 * @param {Told} event @param {string} id @returns {Part[][]}
 */
export function told({ action, keyId, keyName, changes }, id) {
  const credits = changesOfCredits(changes)
  const wasIssued = action === 'key.rotated' && keyId !== id
  if (keyName === null) return [[wasIssued ? text.told.issuedInPlace : /** @type {Words} */ (text.events)[action] ?? action]]
  const key = { name: keyName }
  /** @param {string} words @param {Record<string, Part>} more @returns {Part[]} */
  const named = (words, more = {}) => parts(words, { ...more, name: key }).filter(part => part !== '')
  /** @param {string[] | null} list @param {string} all @param {string} some */
  const listed = (list, all, some) => {
    if (list === null) return named(all)
    return list.length > 0 ? named(some, { list: enumerated(list) }) : named(text.told.scopesNone)
  }
  if (wasIssued) return [named(text.told.issuedFor)]
  if (credits) return [named(text.told[credits.words], credits.values)]
  const { name, enabled, expiresAt, metadata, scopes, allowedNetworks, limits } = changes ?? {}
  const sentences = []
  if (name) sentences.push(named(text.told.renamed, { before: { name: name[0] } }))
  if (enabled) sentences.push(named(enabled[1] ? text.told.enabled : text.told.disabled))
  if (expiresAt) sentences.push(named(text.told[movement(expiresAt)], expiresAt[1] === null ? {} : { at: { at: expiresAt[1] } }))
  if (metadata) sentences.push(named(text.told.metadata))
  if (scopes) sentences.push(listed(scopes[1], text.told.scopesFull, text.told.scopes))
  if (allowedNetworks) sentences.push(listed(allowedNetworks[1], text.told.networksAll, text.told.networks))
  if (limits) sentences.push(limits[1] ? named(text.told.limits, { list: limitsInWords(limits[1]) }) : named(text.told.limitsNone))
  return sentences.length ? sentences : [named(/** @type {Words} */ (text.told)[action] ?? `${action} {name}`)]
}

/** 100 a minute, 1000 a day. @param {NonNullable<Key['limits']>} limits */
export const limitsInWords = limits => limits.map(({ limit, every }) => fill(text.limitEvery[every], { number: limit })).join(', ')

/**
 * What an event says of the credits of a key.
 * @param {AuditEvent['changes']} changes
 * @returns {{ words: 'creditsBegun' | 'creditsChanged' | 'creditsUncounted' | 'creditsStranded', values: Record<string, Part> } | null}
 */
function changesOfCredits(changes) {
  const { credits, stranded } = changes ?? {}
  if (stranded !== undefined) return { words: 'creditsStranded', values: { number: `${stranded}` } }
  if (!credits) return null
  const [before, after] = credits
  if (after === null) return { words: 'creditsUncounted', values: {} }
  if (before === null) return { words: 'creditsBegun', values: { number: `${after}` } }
  return { words: 'creditsChanged', values: { before: `${before}`, after: `${after}` } }
}

/** The first of a list; src/activity.rs has the same number. @param {string[]} list */
function enumerated(list) {
  const shown = list.slice(0, ENUMERATED).join(', ')
  return list.length > ENUMERATED ? fill(text.told.andMore, { list: shown, number: list.length - ENUMERATED }) : shown
}

/** @param {[string | null, string | null]} expiry */
function movement([before, after]) {
  if (after === null) return 'expiryRemoved'
  return before === null ? 'expirySet' : 'expiryMoved'
}

/** Metadata is an object, scopes are a list. @param {string} member @param {unknown} value */
function valueCell(member, value) {
  if (value === null && member === 'expiresAt') return text.never
  return typeof value === 'object' ? JSON.stringify(value) : value
}

/** @param {AuditEvent['changes']} changes */
export function changesCell(changes) {
  const cell = (/** @type {[string, unknown]} */ [member, values]) =>
    `${member}: ${(Array.isArray(values) ? values : [values]).map(value => valueCell(member, value)).join(' → ')}`
  return Object.entries(changes ?? {}).map(cell).join('; ')
}
