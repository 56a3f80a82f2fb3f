// @ts-check
import { afresh } from './afresh.js'
import { ApiError } from './answer.js'
import { serverNow } from './clock.js'
import { Dialog, formButtons, onSubmit } from './dialog.js'
import { find, h } from './dom.js'
import { about, mayDo } from './host.js'
import { problemPlace } from './problem.js'
import { reveal } from './reveal.js'
import { fill, parts, text } from './strings.js'
import { exact } from './times.js'

const A_DAY = '86400'

/** @type {OnKey} */
export function openRotate(panel, key) {
  const dialog = new Dialog(panel, text.rotateTitle)
  const overlap = overlapField(key)
  const problem = problemPlace(panel, 'rotate-problem')
  const { buttons, submit } = formButtons(dialog, text.rotateDo)
  const named = h('span', {}, h('bdi', { class: 'key-name' }, key.name), ' (', h('code', {}, `${key.keyPrefix}••••`), ')')
  const form = h('form', { novalidate: true },
    h('p', {}, parts(text.rotateWhat, { key: named })),
    overlap.field, problem.place, buttons)

  onSubmit(dialog, form, submit, text.rotating, async () => {
    problem.clear()
    const seconds = overlap.seconds()
    if (!await mayDo(panel, 'rotate', { ...about(key), overlapSeconds: seconds }) || !form.isConnected) return
    panel.guard(true)
    try {
      const created = await afresh(panel, () => panel.keyring.during(() => panel.api.rotate(key.id, seconds)))
      panel.keyring.rotated(key, created, seconds)
      reveal(panel, dialog, created, h('p', { class: 'muted' }, seconds ? fill(text.overlapUntil, { at: exact(overlap.end()) }) : text.rotatedNow))
    } catch (thrown) {
      const error = ApiError.of(thrown)
      panel.guard(false)
      if (error.isGone && await panel.keyring.isGone(key.id)) {
        dialog.close()
        return panel.failed(error, key)
      }
      problem.show(error, ...(error.isUncertain ? [text.maybeCreated] : []))
      panel.keyring.refresh()
    }
  })
  dialog.show(form)
}

/** @param {Key} key */
function overlapField(key) {
  const radios = Object.entries(text.overlaps).map(([value, label]) => h('label', { class: 'choice' },
    h('input', { type: 'radio', name: 'overlap', value, checked: value === A_DAY, autofocus: value === A_DAY }), h('span', {}, label)))
  const hint = h('p', { class: 'hint', 'aria-live': 'polite' })
  const field = h('fieldset', { class: 'field' }, h('legend', {}, text.overlapLegend), h('div', { class: 'choices' }, radios), hint)
  const seconds = () => Number(find(field, ':checked', HTMLInputElement).value)
  const end = () => {
    const chosen = serverNow() + seconds() * 1000
    return new Date(key.expiresAt ? Math.min(chosen, Date.parse(key.expiresAt)) : chosen)
  }
  const explain = () => { hint.textContent = seconds() ? fill(text.overlapUntil, { at: exact(end()) }) : text.overlapNow }
  field.addEventListener('change', explain)
  explain()
  return { field, seconds, end }
}
