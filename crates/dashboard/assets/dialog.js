// @ts-check
import { h } from './dom.js'
import { icon } from './icons.js'
import { text } from './strings.js'

let dialogs = 0

/**
 * A modal dialog. Every way out (Escape, the cross, the backdrop, buttons) is `leave`, which asks
 * `mayLeave` first.
 */
export class Dialog {
  /** @type {() => boolean | Promise<boolean>} */
  mayLeave = () => true
  /** Whether it stays open when the session ends: it holds what a person typed or would lose. */
  outlivesSession = false
  /** Whether the address of the page says that it is open. */
  hasAddress = false
  onClosed = () => {}
  onCopy = () => {}

  #stage
  #opener
  #heading = h('h2', { id: `dialog-${++dialogs}`, tabindex: -1 })
  #body = h('div', { class: 'dialog-body' })
  #element

  /** @param {Stage} stage @param {string} title @param {Attributes} attributes */
  constructor(stage, title, attributes = {}) {
    this.#stage = stage
    this.#opener = stage.focused
    this.#element = h('dialog', { part: 'dialog', 'aria-labelledby': this.#heading.id, ...attributes },
      h('header', {}, this.#heading,
        h('button', { type: 'button', class: 'button quiet icon-only', 'aria-label': text.close, onclick: () => this.leave() }, icon('close'))),
      this.#body,
      h('p', { role: 'status', class: 'visually-hidden' }))
    this.title = title
    this.#watch()
  }

  /** @param {string} title */
  set title(title) { this.#heading.textContent = title }

  /** Shows `content`, and focuses the first element with `autofocus`, or the heading. @param {Node[]} content */
  show(...content) {
    this.#body.replaceChildren(...content)
    if (!this.#element.isConnected) this.#stage.root.append(this.#element)
    this.#stage.dialogs.add(this)
    if (!this.#element.open) this.#element.showModal()
    /** @type {HTMLElement?} */
    const first = this.#body.querySelector('[autofocus]')
    ;(first ?? this.#heading).focus()
  }

  async leave() {
    if (await this.mayLeave()) this.close()
  }

  close() {
    if (!this.#stage.dialogs.delete(this)) return
    this.#element.close()
    this.#element.remove()
    this.#body.replaceChildren()
    // By name, since the opener may have been drawn again.
    if (!this.#stage.root.activeElement) this.#stage.focusOn(this.#opener)
    this.onClosed()
  }

  #watch() {
    const element = this.#element
    // A browser closes a dialog at the second Escape whatever `cancel` answers, unless a listener takes the key.
    element.addEventListener('keydown', event => {
      if (event.key !== 'Escape' || event.defaultPrevented) return
      event.preventDefault()
      event.stopPropagation()
      this.leave()
    })
    element.addEventListener('cancel', event => {
      if (event.target !== element) return
      event.preventDefault()
      this.leave()
    })
    element.addEventListener('close', event => {
      if (event.target !== element || !element.isConnected) return
      element.showModal()
      this.leave()
    })
    element.addEventListener('copy', () => this.onCopy())
    // A press that begins and ends there: not a selection of text that ends outside.
    let pressed = false
    element.addEventListener('pointerdown', event => { pressed = isOnBackdrop(element, event) })
    element.addEventListener('click', event => {
      if (pressed && isOnBackdrop(element, event)) this.leave()
    })
  }
}

/** @param {HTMLElement} element @param {MouseEvent} event */
function isOnBackdrop(element, { target, clientX: x, clientY: y }) {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  return target === element && (x < left || x > right || y < top || y > bottom)
}

/** Asks a question over the open dialog; true for `yes`. @type {Ask} */
export function ask(stage, { title, why, yes, no }) {
  return new Promise(resolve => {
    const dialog = new Dialog(stage, title, { role: 'alertdialog', class: 'small', 'aria-describedby': 'question-why' })
    let answer = false
    dialog.onClosed = () => resolve(answer)
    dialog.show(h('p', { id: 'question-why' }, why),
      h('div', { class: 'buttons' },
        h('button', { type: 'button', class: 'button', autofocus: true, onclick: () => dialog.close() }, no),
        h('button', { type: 'button', class: 'button danger', onclick: () => { answer = true; dialog.close() } }, yes)))
  })
}

/** @type {FormButtons} */
export function formButtons(dialog, label, kind = 'primary', cancel = {}) {
  const submit = h('button', { class: `button ${kind}` }, label)
  const buttons = h('div', { class: 'buttons' },
    h('button', { type: 'button', class: 'button', onclick: () => dialog.leave(), ...cancel }, text.cancel), submit)
  return { buttons, submit }
}

/**
 * Runs `work` at each submit of `form`, one at a time. Meanwhile the button says `progress`, and the dialog stays.
 * @type {OnSubmit}
 */
export function onSubmit(dialog, form, submit, progress, work) {
  const label = submit.textContent
  let isBusy = false
  form.addEventListener('submit', async event => {
    event.preventDefault()
    if (isBusy) return
    isBusy = true
    const mayLeave = dialog.mayLeave
    dialog.mayLeave = () => false
    submit.setAttribute('aria-disabled', 'true')
    submit.textContent = progress
    try {
      await work()
    } finally {
      isBusy = false
      if (form.isConnected) dialog.mayLeave = mayLeave
      submit.removeAttribute('aria-disabled')
      submit.textContent = label
    }
  })
}
