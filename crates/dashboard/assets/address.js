// @ts-check
import { queryOf, viewFrom } from './keys.js'

/** The state of an address that details have added. */
const DETAILS = 'details'

/** What the address of the page says: which part of the list is shown, and whose details. Another dashboard's is left alone. */
export class Address {
  /** @param {boolean} isOurs */
  constructor(isOurs) {
    this.isOurs = isOurs
  }

  get view() { return viewFrom(this.isOurs ? location.search : '') }

  /** The key whose details are shown. */
  get details() { return new URLSearchParams(this.isOurs ? location.search : '').get('key') }

  /** @param {View} view @param {boolean} isTyping */
  show(view, isTyping) {
    if (!this.isOurs) return
    const address = location.pathname + queryOf(view, location.search) + location.hash
    if (isTyping) history.replaceState(history.state, '', address)
    else history.pushState(null, '', address)
  }

  /** Details have an address of their own, so that Back leaves them and a link leads to them. @param {string?} id */
  showDetails(id) {
    if (!this.isOurs || this.details === id) return
    if (id === null && history.state === DETAILS) return history.back()
    const params = new URLSearchParams(location.search)
    if (id === null) params.delete('key')
    else params.set('key', id)
    const address = location.pathname + (params.size ? `?${params}` : '') + location.hash
    if (id === null) history.replaceState(null, '', address)
    else history.pushState(DETAILS, '', address)
  }
}
