// @ts-check
import { operator } from './operator-api.js'
import { stage } from './stage.js'
import { usageOf } from './usage.js'

/** How much the key of the page is used, or all keys of the owner of the page. @param {HTMLElement} place */
export function showUsage(place) {
  const { owner = '', id, credits = 'null' } = place.dataset
  place.append(usageOf(stage, id
    ? { usage: query => operator.usage({ owner, id }, query), refusals: () => operator.refusals({ owner, id }), credits: JSON.parse(credits) }
    : { usage: query => operator.usageOfOwner(owner, query), credits: JSON.parse(credits) }))
}
