// @ts-check
import { ApiError } from './answer.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { h } from './dom.js'
import { networksField } from './networks.js'
import { problemPlace } from './problem.js'
import { scopePicker } from './scope-picker.js'
import { isSame, memberOf } from './scopes.js'
import { fill, text } from './strings.js'

/**
 * The fields for what a key may be used for, and from where. `value()` has what was chosen: of a key what differs from it.
 * @param {AccessFields} given
 */
export function accessFields({ scopes: source, hasNetworks = true, key = null, mayGiveAll = false }) {
  const place = h('div', {})
  // Alone they need not be folded away.
  const networks = hasNetworks && networksField(key?.allowedNetworks ?? null, key !== null && !source?.list?.length)
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
    field: h('div', { class: 'access' }, place, networks && networks.field),
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
      const field = member === 'scopes' ? picker : member && networks
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
  openAccessOf(panel, key, accessFields({ scopes: panel.scopes, hasNetworks: panel.hasNetworks, key }), {
    problem: problemPlace(panel, 'access-problem'),
    async save(change) {
      panel.keyring.replace(await panel.keyring.during(() => panel.api.change(key.id, change)))
    },
    saved: () => panel.told(fill(text.accessChanged, { name: key.name })),
    isGone(error) {
      if (error.isGone) panel.failed(error, key)
      return error.isGone
    },
  })
}

/** The dialog that changes both, of the panel or of another page. @type {OpenAccessOf} */
export function openAccessOf(stage, { name }, access, { problem, save, saved, isGone }) {
  const dialog = new Dialog(stage, text.accessTitle)
  dialog.outlivesSession = true
  const { buttons, submit } = formButtons(dialog, text.save)
  const form = h('form', { novalidate: true }, h('p', {}, h('bdi', { class: 'key-name' }, name)), access.field, problem.place, buttons)
  const update = () => { submit.disabled = Object.keys(access.value()).length === 0 }
  for (const kind of ['change', 'input', 'click']) form.addEventListener(kind, update)
  update()
  onSubmit(dialog, form, submit, text.saving, async () => {
    problem.clear()
    access.clear()
    const change = access.value()
    if (Object.keys(change).length === 0 || !access.check()) return
    try {
      await save(change)
      dialog.close()
      saved()
    } catch (thrown) {
      const error = ApiError.of(thrown)
      if (isGone(error)) dialog.close()
      else if (!access.took(error)) problem.show(error)
    }
  })
  dialog.show(form)
}
