// @ts-check
import { sum } from './figures.js'
import { DAY, HOUR } from './times.js'

/** A search of fewer characters looks for no id: some id holds each of them. */
const LEAST_OF_ID = 8
export const STATUSES = /** @type {const} */ (['active', 'disabled', 'expiring', 'expired', 'replaced', 'unused'])
export const ENVIRONMENTS = /** @type {const} */ (['live', 'test'])
export const SORTS = /** @type {const} */ (['created', 'name', 'used', 'expires', 'calls'])
const ORDERS = /** @type {const} */ (['asc', 'desc'])

/** @type {OfKey<number>} */
const until = (key, now) => key.expiresAt === null ? Infinity : Date.parse(key.expiresAt) - now

/** @type {OfKey<boolean>} */
export const isExpired = (key, now) => until(key, now) <= 0

/** Within a week; a replaced key shows its end in another way. @type {OfKey<boolean>} */
export const expiresSoon = (key, now) =>
  !key.replacedBy && !isExpired(key, now) && until(key, now) <= 7 * DAY

/** @type {OfKey<boolean>} */
export const isActive = (key, now) => key.enabled && !key.replacedBy && !isExpired(key, now)

/** For 90 days, from its creation if it was never used. @type {OfKey<boolean>} */
export const isUnused = (key, now) => now - Date.parse(key.lastUsedAt ?? key.createdAt) >= 90 * DAY

/**
 * Of a replaced key that still works, whether programs still use it: it is silent when no call came for an hour and it was
 * replaced before that. src/key_row.rs says the same.
 * @param {Key} key @param {Key | undefined} successor @param {number} now @returns {'used' | 'silent' | null}
 */
export function silence(key, successor, now) {
  const isOver = (/** @type {string} */ at) => now - Date.parse(at) >= HOUR
  if (state(key, now) !== 'replaced') return null
  if (key.lastUsedAt && !isOver(key.lastUsedAt)) return 'used'
  return successor && isOver(successor.createdAt) ? 'silent' : null
}

/** @type {OfKey<boolean>} */
export const wasUsedLately = (key, now) =>
  key.lastUsedAt !== null && now - Date.parse(key.lastUsedAt) <= 7 * DAY

/** How many keys count towards the limit. */
export const counted = (/** @type {Key[]} */ keys) => keys.filter(key => !key.replacedBy).length

/** The first that holds. @param {Key} key @param {number} now */
export const state = (key, now) =>
  !key.enabled ? 'disabled' : isExpired(key, now) ? 'expired' : key.replacedBy ? 'replaced' : 'active'

/** @param {Key} key @param {number} now */
export function statuses(key, now) {
  const has = {
    active: isActive(key, now), disabled: !key.enabled, expiring: expiresSoon(key, now), expired: isExpired(key, now), replaced: key.replacedBy, unused: isUnused(key, now),
  }
  return STATUSES.filter(status => has[status])
}

/**
 * Cuts each text that looks like a key down to its prefix, so that no key stays in a field or gets into an address.
 */
export const cutSecrets = (/** @type {string} */ text) =>
  text.replace(/([a-z][a-z0-9]{0,15}_(?:live|test)_[0-9A-Za-z]{4})[0-9A-Za-z]+/g, '$1')

/**
 * A text as it is sought and sorted: without case, accents and forms of the same letter. What accents are is kept to those of
 * Latin, Greek and Cyrillic, since marks of other scripts tell words apart.
 */
export const folded = (/** @type {string} */ text) => text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toUpperCase()

export const soughtIn = (/** @type {string} */ q) => folded(q).replace(/^[ \t\n\r]+|[ \t\n\r]+$/g, '')

/** What names are compared by: the folded name, in which each number begins with how long it is, so that 9 comes before 10. */
export const sortKey = (/** @type {string} */ name) => folded(name).replace(/\d+/g, number => {
  const digits = number.replace(/^0+(?=\d)/, '')
  return `0${`${digits.length}`.padStart(4, '0')}${digits}`
})

/** The view that a page's query string asks for; src/view.rs does the same. @param {string} query */
export function viewFrom(query) {
  const params = new URLSearchParams(query)
  /** @template {string} V @param {string} name @param {readonly V[]} values */
  const oneOf = (name, values) => values.find(value => value === params.get(name)) ?? null
  const sort = oneOf('sort', SORTS) ?? 'created'
  return {
    q: cutSecrets(params.get('q') ?? ''),
    status: oneOf('status', STATUSES),
    environment: oneOf('environment', ENVIRONMENTS),
    sort,
    order: oneOf('order', ORDERS) ?? firstOrder(sort),
    page: /^[1-9]\d{0,3}$/.test(params.get('page') ?? '') ? Number(params.get('page')) : 1,
  }
}

/** The query string for a view; the other members of `query` stay. @param {View} view */
export function queryOf(view, query = '') {
  const params = new URLSearchParams(query)
  /** @param {string} name @param {unknown} value @param {unknown} standard */
  const set = (name, value, standard) => value === standard ? params.delete(name) : params.set(name, `${value}`)
  set('q', view.q, '')
  set('status', view.status, null)
  set('environment', view.environment, null)
  set('sort', view.sort, 'created')
  set('order', view.order, firstOrder(view.sort))
  set('page', view.page, 1)
  return params.size ? `?${params}` : ''
}

/** Names from A, ends from the nearest, other times from the newest. @type {(sort: Sort) => Order} */
export const firstOrder = sort => sort === 'name' || sort === 'expires' ? 'asc' : 'desc'

export const isFiltered = (/** @type {View} */ view) => Boolean(view.q || view.status || view.environment)

/**
 * The keys of a view, sorted; the order of the API breaks ties. src/view.rs does the same for the page that is loaded.
 * @param {Key[]} keys @param {View} view @param {number} now
 */
export function matching(keys, view, now) {
  const sought = soughtIn(view.q)
  const has = (/** @type {string} */ text) => folded(text).includes(sought)
  const isSought = (/** @type {Key} */ { id, name, keyPrefix }) => !sought || has(name) || has(keyPrefix) || sought.length >= LEAST_OF_ID && has(id)
  const found = keys.filter(key => (!view.environment || key.environment === view.environment)
    && (!view.status || statuses(key, now).includes(view.status)) && isSought(key))
  const sign = view.order === 'asc' ? 1 : -1
  if (view.sort === 'created') return sign < 0 ? found : found.reverse()
  const compared = COMPARED[view.sort]
  const by = found.map(key => ({ key, is: compared(key) }))
  return by.sort((a, b) => sign * (Number(a.is > b.is) - Number(a.is < b.is))).map(({ key }) => key)
}

/** What a sort compares: texts, times that are texts of one length, or numbers. A key without an end comes after all ends. @type {Compared} */
const COMPARED = {
  name: ({ name }) => sortKey(name),
  used: ({ lastUsedAt }) => lastUsedAt ?? '',
  expires: ({ expiresAt }) => expiresAt ?? '~',
  calls: ({ usage }) => sum(usage ?? []),
}

/** One page of `found`: its keys, its number, and the numbers of its first and last key. @param {Key[]} found @param {number} page @param {number} size */
export function pageOf(found, page, size) {
  const pages = Math.max(1, Math.ceil(found.length / size))
  const at = Math.min(page, pages)
  const from = (at - 1) * size
  const keys = found.slice(from, from + size)
  return { keys, page: at, pages, from: from + 1, to: from + keys.length, total: found.length }
}

/** The number of the page of `found` that holds the key of this id. @param {Key[]} found @param {string} id @param {number} size */
export const pageWith = (found, id, size) => Math.floor(Math.max(0, found.findIndex(key => key.id === id)) / size) + 1

/**
 * A name for the variable that a program reads the key from: "Production" gives PRODUCTION_API_KEY. A name without letters
 * gives way to the one of the product whose keys these are.
 * @param {string} name @param {string} product
 */
export function variableFor(name, product = '') {
  const words = [wordsOf(name), wordsOf(product)].find(it => it && it !== 'UNTITLED') ?? 'LATCHKEY'
  return `${/^\d/.test(words) ? `KEY_${words}` : words}_API_KEY`
}

const wordsOf = (/** @type {string} */ name) => name.normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase()
  .replace(/[^A-Z0-9]+/g, '_').replace(/^_+|_+$/g, '')
  .replace(/(^|_)(API_)?KEY$/, '')
