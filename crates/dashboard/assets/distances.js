// @ts-check
import { serverNow } from './clock.js'
import { h } from './dom.js'
import { MINUTE, exact, relative } from './times.js'

/** Shows times of the page as distances from now, and keeps these up to date: with the exact time below it in a column of times, else with a title. @param {Iterable<HTMLTimeElement>} times */
export function showDistances(times) {
  const all = [...times]
  const show = () => {
    for (const time of all) time.textContent = relative(time.dateTime, serverNow())
  }
  for (const time of all) {
    if (time.closest('.when')) time.after(h('span', { class: 'exact' }, exact(time.dateTime)))
    else time.title = exact(time.dateTime)
  }
  show()
  setInterval(show, MINUTE)
}
