// @ts-check
import { accessFields, openAccessOf } from './access.js'
import { api } from './account.js'
import { afresh } from './afresh.js'
import { ApiError } from './answer.js'
import { Catalogue } from './catalogue.js'
import { h } from './dom.js'
import { failed } from './operator-notes.js'
import { operator } from './operator-api.js'
import { text } from './operator-strings.js'
import { errorNotice } from './problem.js'
import { stage } from './stage.js'

/** Changes what a key may be used for and from where; an operator gives restricted scopes too. @param {Acting} acting @param {(said: string) => void} done */
export async function editAccess({ subject }, done) {
  const scopes = new Catalogue(api, null)
  try {
    await scopes.mustLoad()
  } catch (thrown) {
    return failed(ApiError.of(thrown))
  }
  const key = { scopes: JSON.parse(subject.scopes), allowedNetworks: JSON.parse(subject.networks) }
  const place = h('div', { class: 'problem-place', role: 'alert' })
  openAccessOf(stage, subject, accessFields({ scopes, key, mayGiveAll: true }), {
    problem: { place, clear: () => place.replaceChildren(), show: error => place.replaceChildren(errorNotice(stage, error, [])) },
    save: change => afresh(stage, () => operator.changeKey(subject, change)),
    saved: () => done(text.accessSaved),
    isGone: () => false,
  })
}
