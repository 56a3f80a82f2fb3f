// @ts-check
// What a key may be used for, and which of that a person chooses from.

/** The most scopes of a key, as the API has it. */
export const MOST = 64

/** Whether a key with `grant` may do what `scope` says. @param {string} grant @param {string} scope */
export const covers = (grant, scope) =>
  grant === '*' || grant === scope || (grant.endsWith(':*') && scope.startsWith(grant.slice(0, -1)) && scope.length >= grant.length)

const isWildcard = (/** @type {string} */ grant) => grant.endsWith('*')

/**
 * The choice for a key that has `held` now: undefined for a new key, null for one that is not restricted. `mayGiveAll`:
 * also what the catalogue calls restricted.
 * @param {ScopeOf[]} catalogue @param {string[] | null | undefined} held @param {boolean} mayGiveAll @returns {ScopeChoice}
 */
export function choiceOf(catalogue, held, mayGiveAll) {
  const has = (/** @type {string} */ name) => held?.includes(name) ?? false
  const mayGive = (/** @type {ScopeOf} */ { name, restricted }) => mayGiveAll || !restricted || has(name)
  const begins = (/** @type {ScopeOf} */ scope) => held ? has(scope.name) : scope.default && mayGive(scope)
  /** @type {Map<string | null, ScopeRow[]>} */
  const groups = new Map()
  for (const scope of catalogue) {
    const rows = groups.get(scope.group) ?? []
    groups.set(scope.group, [...rows, {
      name: scope.name, description: scope.description, isRestricted: scope.restricted, isTicked: begins(scope), isLocked: !mayGive(scope),
    }])
  }
  const known = new Set(catalogue.map(scope => scope.name))
  const isFullOffered = mayGiveAll || held === null || !catalogue.some(scope => scope.restricted)
  return {
    groups: [...groups].map(([name, rows]) => ({ name, rows })).sort((a, b) => Number(a.name === null) - Number(b.name === null)),
    others: (held ?? []).filter(name => !known.has(name)),
    isFullOffered,
    isFull: held === null || (held === undefined && isFullOffered && !catalogue.some(scope => scope.default)),
  }
}

/** What `ticked` says of a key that has `held`: what stays keeps its place, what is new follows. @param {string[] | null | undefined} held @param {string[]} ticked */
export function inOrder(held, ticked) {
  const stay = (held ?? []).filter(name => ticked.includes(name))
  return [...stay, ...ticked.filter(name => !stay.includes(name))]
}

/** The grant among `grants` that makes another one of `scope` needless. @param {string[]} grants @param {string} scope */
export const coveredBy = (grants, scope) => grants.find(grant => isWildcard(grant) && grant !== scope && covers(grant, scope))

/** @param {readonly unknown[] | null} one @param {readonly unknown[] | null} other */
export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other)

/** The networks that were typed, one a line or with commas; null for none. @param {string} typed */
export function networksIn(typed) {
  const networks = typed.split(/[\s,;]+/).filter(it => it)
  return networks.length > 0 ? networks : null
}

/** Which member of a key a refusal of the API is about, if it is one of these. @param {string} message */
export function memberOf(message) {
  if (message.startsWith('allowedNetworks')) return 'allowedNetworks'
  if (message.startsWith('limits')) return 'limits'
  if (/^(credits|add) must/.test(message)) return 'credits'
  return /^(scopes\b|There is no scope )/.test(message) ? 'scopes' : null
}
