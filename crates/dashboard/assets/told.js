import { text } from './strings.js'

/**
 * What `event` says was done, in the words of the Activity page: a sentence for each thing, made of texts,
 * names `{ name }` and instants `{ at }`. `id` is the key whose history is told.
 */
export function told(event, id) {
  const { action, keyName, changes } = event
  const wasIssued = action === 'key.rotated' && event.keyId !== id
  if (keyName === null) return [[wasIssued ? text.issuedInPlace : text.events[action] ?? action]]
  const key = { name: keyName }
  if (wasIssued) return [[text.told.issuedFor, key]]
  const sentences = Object.entries(changes ?? {}).flatMap(([member, values]) => sentence(member, values, key))
  return sentences.length ? sentences : [[text.told[action] ?? `${action} `, key]]
}

function sentence(member, [before, after], key) {
  if (member === 'name') return [[text.told.renamed, { name: before }, text.told.to, { name: after }]]
  if (member === 'enabled') return [[after ? text.told.enabled : text.told.disabled, key]]
  if (member !== 'expiresAt') return []
  if (after === null) return [[text.told.expiry, key, text.told.removed]]
  return [[text.told.expiry, key, before === null ? text.told.setTo : text.told.movedTo, { at: after }]]
}

/** The changes of an event as one cell of a table. */
export function changesCell(changes) {
  const value = it => it ?? text.never
  return Object.entries(changes ?? {}).map(([member, [before, after]]) => `${member}: ${value(before)} → ${value(after)}`).join('; ')
}
