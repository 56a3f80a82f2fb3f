// @ts-check
import './page.js'
import { api } from './account.js'
import { wanted } from './answer.js'
import { showDistances } from './distances.js'
import { stage } from './stage.js'
import { usageOf } from './usage.js'

/** @type {HTMLElement?} */
const place = document.querySelector('.usage-place')
if (place) {
  place.replaceChildren(usageOf(stage, {
    usage: query => api.call('GET', `usage?${query}`, wanted.usage),
    first: JSON.parse(`${place.dataset.usage}`),
  }))
}

/** @type {NodeListOf<HTMLTimeElement>} */
const times = document.querySelectorAll('main time.time')
showDistances(times)
