// @ts-check
import { h } from './dom.js'
import { text } from './strings.js'
import { limitsInWords } from './told.js'

/**
 * What a key may be used for, from where and how much, as terms and values; templates/operator_key.html draws the same.
 * @param {Pick<Key, 'scopes' | 'allowedNetworks' | 'limits' | 'credits'>} key @param {ScopeOf[]} catalogue @returns {[string, HTMLElement | string][]}
 */
export function accessFacts({ scopes, allowedNetworks, limits, credits }, catalogue) {
  /** @type {[string, HTMLElement | string][]} */
  const facts = []
  if (scopes) facts.push([text.scopes.title, scopes.length > 0 ? chips(scopes, catalogue) : text.scopes.none])
  else if (catalogue.length > 0) facts.push([text.scopes.title, text.scopes.full])
  if (allowedNetworks) facts.push([text.networks.title, chips(allowedNetworks, [])])
  if (limits) facts.push([text.limits, limitsInWords(limits)])
  if (credits !== null) facts.push([text.creditsLeft, String(credits)])
  return facts
}

/** @param {string[]} names @param {ScopeOf[]} catalogue */
function chips(names, catalogue) {
  return h('ul', { class: 'chips', role: 'list' }, names.map(name => {
    const scope = catalogue.find(scope => scope.name === name)
    return h('li', { class: 'chip', title: scope?.description }, h('code', {}, name),
      scope && h('span', { class: 'visually-hidden' }, `: ${scope.description}`), scope?.restricted && [' ', h('span', { class: 'tag' }, text.scopes.restricted)])
  }))
}
