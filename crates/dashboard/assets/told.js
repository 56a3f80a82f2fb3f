// @ts-check
import { text } from './strings.js'

/**
 * `event` in the history of the key `id`, in the words of the Activity page.
 * @param {Told} event @param {string} id @returns {Part[][]}
 */
export function told(event, id) {
  const { action, keyName, changes } = event
  const wasIssued = action === 'key.rotated' && event.keyId !== id
  if (keyName === null) return [[wasIssued ? text.issuedInPlace : text.events[action] ?? action]]
  const key = { name: keyName }
  if (wasIssued) return [[text.told.issuedFor, key]]
  const { name, enabled, expiresAt } = changes ?? {}
  /** @type {Part[][]} */
  const sentences = []
  if (name) sentences.push([text.told.renamed, { name: name[0] }, text.told.to, { name: name[1] }])
  if (enabled) sentences.push([enabled[1] ? text.told.enabled : text.told.disabled, key])
  if (expiresAt) sentences.push([text.told.expiry, key, ...moved(expiresAt)])
  return sentences.length ? sentences : [[text.toldOf[action] ?? `${action} `, key]]
}

/** @param {[string | null, string | null]} expiry @returns {Part[]} */
function moved([before, after]) {
  if (after === null) return [text.told.removed]
  return [before === null ? text.told.setTo : text.told.movedTo, { at: after }]
}

/** Metadata is an object. @param {unknown} value */
const valueCell = value => typeof value === 'object' && value ? JSON.stringify(value) : value ?? text.never

/** @param {AuditEvent['changes']} changes */
export function changesCell(changes) {
  return Object.entries(changes ?? {}).map(([member, values]) => `${member}: ${values.map(valueCell).join(' → ')}`).join('; ')
}
