// @ts-check
import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

const PAUSE = 3_000
/** A dialog that is left open must not keep the session alive for longer. */
const PATIENCE = 10 * 60_000

/**
 * Says when the first request with a new key came. `end` ends the asking.
 * @param {Panel} panel @param {Issued} created
 */
export function firstRequest(panel, created) {
  const place = h('p', { class: 'first-request muted', 'aria-live': 'polite' }, text.firstRequest.waiting)
  const began = performance.now()
  const timer = setInterval(async () => {
    if (document.hidden) return
    if (performance.now() - began > PATIENCE) {
      clearInterval(timer)
      place.replaceChildren(text.firstRequest.none)
      return
    }
    // What goes wrong may go right the next time.
    const key = await panel.api.key(created.id).catch(() => null)
    if (!key?.lastUsedAt) return
    clearInterval(timer)
    place.classList.remove('muted')
    place.replaceChildren(icon('check'), text.firstRequest.received)
  }, PAUSE)
  return { place, end: () => clearInterval(timer) }
}
