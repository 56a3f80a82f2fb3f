// @ts-check
import { accessFields } from './access.js'
import { api } from './account.js'
import { afresh } from './afresh.js'
import { ApiError } from './answer.js'
import { openCreditsOf, openLimitsOf } from './budgets.js'
import { Catalogue } from './catalogue.js'
import { openChange } from './change.js'
import { h } from './dom.js'
import { failed } from './operator-notes.js'
import { operator } from './operator-api.js'
import { text } from './operator-strings.js'
import { errorNotice } from './problem.js'
import { stage } from './stage.js'
import { text as shared } from './strings.js'

/** Changes what a key may be used for and from where; an operator gives restricted scopes too. @param {Acting} acting @param {Done} done */
export async function editAccess({ subject }, done) {
  const scopes = new Catalogue(api, null)
  try {
    await scopes.mustLoad()
  } catch (thrown) {
    return failed(ApiError.of(thrown))
  }
  const key = { scopes: JSON.parse(subject.scopes), allowedNetworks: JSON.parse(subject.networks) }
  const fields = accessFields({ scopes, key, mayGiveAll: true })
  openChange(stage, shared.accessTitle, subject.name, fields, saving(change => operator.changeKey(subject, change), () => done(text.accessSaved)))
}

/** Changes the limits of a key, or of an owner where the page is an owner's. @param {Acting} acting @param {Done} done */
export function editLimits({ subject }, done) {
  const { name, owner } = subject
  const limits = JSON.parse(subject.limits)
  const saved = () => done(text.limitsSaved)
  if (name) return openLimitsOf(stage, { name, limits }, saving(change => operator.changeKey(subject, change), saved))
  openLimitsOf(stage, { name: owner, limits }, saving(({ limits }) => operator.changeOwner(owner, { ...settingsOf(subject), limits }), saved), text.limitsOfOwnerHint)
}

/** Adds credits to a key, or to an owner where the page is an owner's. @param {Acting} acting @param {Done} done */
export function addCredits({ subject }, done) {
  const { name, owner } = subject
  const add = (/** @type {CreditsChange} */ change) => name ? operator.addCredits(subject, change) : operator.addCreditsOfOwner(owner, change)
  openCreditsOf(stage, { name: name ?? owner, credits: JSON.parse(subject.credits) }, saving(add, () => done(text.creditsSaved)))
}

/** What a change of the owner repeats of it. @param {Subject} subject */
export const settingsOf = ({ limit, suspended }) => ({ maxKeys: limit === '' ? null : Number(limit), suspended: suspended === 'true' })

/** @template C @param {(change: C) => Promise<unknown>} call @param {() => void} saved @returns {HowToChange<C>} */
function saving(call, saved) {
  const place = h('div', { class: 'problem-place', role: 'alert' })
  return {
    problem: { place, clear: () => place.replaceChildren(), show: error => place.replaceChildren(errorNotice(stage, error, [])) },
    save: change => afresh(stage, () => call(change)),
    saved,
    isGone: () => false,
  }
}
