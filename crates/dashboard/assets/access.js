// @ts-check
import { ofKey, openChange } from './change.js'
import { h } from './dom.js'
import { networksField } from './networks.js'
import { scopePicker } from './scope-picker.js'
import { isSame, memberOf } from './scopes.js'
import { fill, text } from './strings.js'

/**
 * The fields for what a key may be used for, and from where. `value()` has what was chosen: of a key what differs from it.
 * What few people need is folded away, with the `others`.
 * @param {AccessFields} given @param {HTMLElement[]} others
 */
export function accessFields({ scopes: source, hasNetworks = true, key = null, mayGiveAll = false }, ...others) {
  const place = h('div', {})
  const networks = hasNetworks && networksField(key?.allowedNetworks ?? null)
  const folded = [...(networks ? [networks.field] : []), ...others]
  // Alone they need not be folded away.
  const isOpen = key !== null && (!!key.allowedNetworks || !source?.list?.length)
  /** @type {ReturnType<typeof scopePicker>?} */
  let picker = null
  const put = (/** @type {ScopeOf[]} */ catalogue) => {
    if (catalogue.length === 0) return
    picker = scopePicker({ catalogue, held: key?.scopes, mayGiveAll })
    place.replaceChildren(picker.field)
  }
  if (source?.list) put(source.list)
  else if (source) source.load().then(put)

  return {
    field: h('div', { class: 'access' }, place,
      folded.length > 0 && h('details', { class: 'advanced', open: isOpen }, h('summary', {}, text.advanced), folded)),
    /** @returns {Pick<KeyRequest, 'scopes' | 'allowedNetworks'>} */
    value() {
      const [scopes, allowedNetworks] = [picker?.value(), networks ? networks.value() : undefined]
      const [hasScopes, hasOthers] = key
        ? [scopes !== undefined && !isSame(scopes, key.scopes), allowedNetworks !== undefined && !isSame(allowedNetworks, key.allowedNetworks)]
        : [scopes !== undefined, !!allowedNetworks]
      return { ...(hasScopes && { scopes }), ...(hasOthers && { allowedNetworks }) }
    },
    check: () => picker?.check() ?? true,
    clear() {
      picker?.clear()
      if (networks) networks.clear()
    },
    /** Shows an error beside the field that it is about; false where it is about none of these. @param {ApiError} error */
    took(error) {
      const member = error.status === 400 ? memberOf(error.message) : null
      const field = member === 'scopes' ? picker : member === 'allowedNetworks' && networks
      if (!field) return false
      field.complain(error.message)
      // The catalogue may be another one by now.
      if (member === 'scopes') source?.forget()
      return true
    },
  }
}

/** @type {OnKey} */
export function openAccess(panel, key) {
  openChange(panel, text.accessTitle, key.name, accessFields({ scopes: panel.scopes, hasNetworks: panel.hasNetworks, key }),
    ofKey(panel, key, change => panel.api.change(key.id, change), fill(text.accessChanged, key)))
}
