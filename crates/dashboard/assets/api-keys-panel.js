import { Api } from './api.js'
import { serverNow } from './clock.js'
import { openCreate } from './create.js'
import { h } from './dom.js'
import { icon } from './icons.js'
import { counted, isFiltered, matching, pageOf, pageWith, queryOf, viewFrom } from './keys.js'
import { Keyring } from './keyring.js'
import { createList } from './list.js'
import { problemPlace } from './problem.js'
import { text } from './strings.js'
import { showOtherAccount } from './takeover.js'
import { MINUTE } from './times.js'
import { tipIn } from './tip.js'
import { createToolbar } from './toolbar.js'
import { emptyView, failedView, loadingView, noMatchesView, signedOutView } from './views.js'

const HIGHLIGHTED = 4_000

/**
 * <api-keys-panel>: everything a person does with API keys.
 *
 * On a page of Latchkey it finds the keys of `account` in `keys`, as the API answers them, and keeps what is
 * shown in the page's address. Another dashboard embeds it with `api-base`, the origin of Latchkey; then it asks
 * for the keys itself and leaves the address alone. It tells of each change by an event
 * `api-keys-changed` with what was done and the id of the key, never the key.
 */
class ApiKeysPanel extends HTMLElement {
  view = viewFrom('')
  selected = new Set()
  /** Ids of keys that a call is under way for. */
  busy = new Set()
  /** Those that are open. */
  dialogs = new Set()

  #isEditing = false
  #isTakenOver = false
  #fresh = new Set()
  #life = null

  connectedCallback() {
    if (this.#isTakenOver) return
    this.#life = new AbortController()
    const isFirst = !this.keyring
    if (isFirst) this.#begin()
    if (this.#hasAddress) this.view = viewFrom(location.search)
    if (!this.shadowRoot) this.#build()
    this.#listen(this.#life.signal)
    this.render()
    if (!isFirst || !this.keys) this.keyring.refresh()
  }

  #begin() {
    this.api = new Api(this.getAttribute('api-base') ?? '', this.getAttribute('account'))
    this.api.onOtherAccount = () => this.#leaveToOther()
    this.api.onSignedOut = error => this.#sessionOver(error)
    this.keyring = new Keyring(this, JSON.parse(this.getAttribute('keys')))
    this.removeAttribute('keys')
  }

  disconnectedCallback() {
    this.#life.abort()
    this.guard(false)
    this.dialogs.forEach(dialog => dialog.close())
  }

  /** Where keys are used: the configured address, or that of the API. */
  get publicUrl() {
    return (this.getAttribute('public-url') ?? (this.api.base || location.origin)).replace(/\/+$/, '')
  }

  /** As the API lists them; null until it did. */
  get keys() { return this.keyring.keys }

  /** Attributes of a link to a page of Latchkey: another dashboard stays open. */
  get elsewhere() { return this.api.base ? { target: '_blank', rel: 'noopener' } : {} }

  get #hasAddress() { return !this.hasAttribute('api-base') }
  get #limit() { return Number(this.getAttribute('limit') ?? Infinity) }

  #build() {
    const root = this.attachShadow({ mode: 'open' })
    // What the server drew is the same list, and would only grow old.
    this.replaceChildren()
    root.adoptedStyleSheets = [sheet]
    this.problem = problemPlace(this, 'problem')
    this.toolbar = createToolbar(this)
    this.list = createList(this)
    this.place = h('div', { class: 'place' })
    root.append(
      h('section', { class: 'panel', 'aria-labelledby': 'heading' },
        h('header', { class: 'panel-head' },
          h('div', {}, h('h2', { id: 'heading', tabindex: -1, 'data-focus': 'heading' }, text.heading), h('p', { class: 'muted' }, text.intro)),
          h('button', { type: 'button', class: 'button primary', 'data-focus': 'create', onclick: () => this.create() }, icon('plus'), text.create)),
        h('p', { id: 'limit', class: 'notice warn', hidden: true }),
        this.problem.place, this.toolbar.element, this.place),
      h('p', { id: 'status', role: 'status', class: 'visually-hidden' }), tipIn(root))
  }

  #listen(signal) {
    addEventListener('focus', () => this.keyring.refresh(), { signal })
    document.addEventListener('visibilitychange', () => document.hidden || this.keyring.refresh(), { signal })
    if (this.#hasAddress) {
      addEventListener('popstate', () => {
        this.view = viewFrom(location.search)
        this.render()
      }, { signal })
    }
    const timer = setInterval(() => this.render(), MINUTE)
    signal.addEventListener('abort', () => clearInterval(timer))
  }

  /** Shows what is known now. What somebody is typing in the list stays. */
  render() {
    if (this.#isEditing || this.#isTakenOver) return
    const focused = this.shadowRoot.activeElement?.dataset.focus
    const now = serverNow()
    const { failure } = this.keyring
    const found = this.keys && matching(this.keys, this.view, now)
    for (const id of this.selected) if (!this.keys?.some(key => key.id === id)) this.selected.delete(id)
    this.toolbar.element.hidden = !this.keys?.length
    this.toolbar.update(this.view)
    this.#showLimit()
    if (!this.keys) this.#put(failure ? (failure.isSignedOut ? signedOutView : failedView)(this) : loadingView())
    else if (this.keys.length === 0) this.#put(emptyView(this))
    else if (found.length === 0) this.#put(noMatchesView(this, this.view))
    else {
      this.#put(this.list.element)
      this.list.update(pageOf(found, this.view.page), this.view, now)
    }
    if (focused && !this.shadowRoot.activeElement) this.focusOn(focused)
  }

  #put(content) {
    if (!this.place.firstChild?.isEqualNode(content)) this.place.replaceChildren(content)
  }

  #showLimit() {
    const isReached = counted(this.keys ?? []) >= this.#limit
    const button = this.shadowRoot.querySelector('[data-focus=create]')
    if (isReached) button.setAttribute('aria-describedby', 'limit')
    else button.removeAttribute('aria-describedby')
    button.setAttribute('aria-disabled', String(isReached))
    const notice = this.shadowRoot.getElementById('limit')
    notice.hidden = !isReached
    notice.textContent = isReached ? text.limitReached(this.#limit) : ''
  }

  /** Shows another part of the list. */
  show(part, { isTyping = false } = {}) {
    this.view = { ...this.view, ...part }
    if (this.#hasAddress) {
      const address = location.pathname + queryOf(this.view, location.search) + location.hash
      if (isTyping) history.replaceState(history.state, '', address)
      else history.pushState(null, '', address)
    }
    this.#isEditing = false
    this.render()
    const found = matching(this.keys, this.view, serverNow())
    const page = pageOf(found, this.view.page)
    this.say(page.pages > 1 ? text.shown(page) : text.found(found.length))
  }

  clearFilters() {
    this.show({ q: '', status: null, environment: null, page: 1 })
  }

  /** Goes to the key of this id, wherever in the list it is. */
  goTo(id) {
    this.#uncover(id)
    this.#highlight(id)
    this.focusOn(`menu:${id}`)
    this.rowOf(id)?.scrollIntoView({ block: 'nearest' })
  }

  #uncover(id) {
    if (this.rowOf(id)) return
    if (isFiltered(this.view)) this.clearFilters()
    const page = pageWith(matching(this.keys, this.view, serverNow()), id)
    if (page !== this.view.page) this.show({ page })
  }

  rowOf(id) { return this.list.row(id) }
  isFresh({ id }) { return this.#fresh.has(id) }

  #highlight(id) {
    this.#fresh.add(id)
    this.render()
    setTimeout(() => {
      this.#fresh.delete(id)
      this.render()
    }, HIGHLIGHTED)
  }

  create() {
    if (counted(this.keys ?? []) >= this.#limit) return this.say(text.limitReached(this.#limit))
    openCreate(this)
  }

  async retry() {
    this.problem.clear()
    await this.keyring.refresh()
    this.focusOn('heading')
  }

  /** After the dialog that showed a new key is gone. */
  revealed({ id, name }) {
    if (!this.keys) return
    this.#uncover(id)
    this.#highlight(id)
    this.say(text.wasCreated(name))
  }

  /** An action on `key` failed: says why, and brings the list up to date. */
  async failed(error, { id, name }) {
    if (error.isSignedOut || error.isOtherAccount) return
    if (!error.isGone) this.problem.show(error, ...(error.isForeign ? [text.notCarriedOut] : []))
    const isGone = await this.keyring.isGone(id)
    if (error.isGone) this.problem.show(isGone ? new Error(text.goneMeanwhile(name)) : error)
  }

  /** Nobody is signed in: what is of the account goes, but not what was typed or a key that is shown once. */
  #sessionOver(error) {
    this.#isEditing = false
    for (const dialog of this.dialogs) if (!dialog.outlivesSession) dialog.close()
    this.keyring.forget(error)
    this.render()
  }

  /** Another account is signed in: nothing of this one is shown or done here any more. */
  #leaveToOther() {
    if (this.#isTakenOver) return
    this.dialogs.forEach(dialog => dialog.close())
    this.#isTakenOver = true
    this.#life.abort()
    this.guard(false)
    this.keyring.forget(null)
    const page = this.#hasAddress ? this.closest('.frame') : null
    showOtherAccount(page ?? this.shadowRoot.querySelector('.panel'), this.api.base)
  }

  select(ids, isSelected) {
    for (const id of ids) isSelected ? this.selected.add(id) : this.selected.delete(id)
    for (const id of ids) {
      const box = this.rowOf(id)?.querySelector('.select input')
      if (box) box.checked = box.defaultChecked = isSelected
    }
    this.list.mark()
    this.say(text.selected(this.selected.size))
  }

  // Where the focus is, and what is read out

  /** From here on the list stays as it is, for somebody types in it. */
  beginEditing() {
    this.#isEditing = true
  }

  endEditing() {
    this.#isEditing = false
    this.render()
  }

  /** Where the focus goes when `keys` are gone: to the menu of the row after them. */
  afterwards(keys) {
    const gone = new Set(keys.map(key => key.id))
    const rows = [...this.list.element.querySelectorAll('tbody tr')].map(row => row.dataset.id)
    const last = rows.findLastIndex(id => gone.has(id))
    const next = rows.find((id, at) => at > last && !gone.has(id))
    return next ? `menu:${next}` : 'heading'
  }

  /** Gives the focus to the element of that name, or to the heading where it is gone. */
  focusOn(name) {
    const of = wanted => this.shadowRoot.querySelector(`[data-focus="${wanted}"]`)
    ;(of(name) ?? of('heading'))?.focus()
  }

  /** Has `message` read out, by the region of whatever dialog is open. */
  say = message => {
    const region = this.shadowRoot.querySelector('dialog:last-of-type > [role=status]') ?? this.shadowRoot.getElementById('status')
    region.textContent = ''
    setTimeout(() => { region.textContent = message }, 50)
  }

  /** Has the browser ask before the page goes away, or not any more. */
  guard(isOn) {
    if (isOn) addEventListener('beforeunload', holdBack)
    else removeEventListener('beforeunload', holdBack)
  }
}

const holdBack = event => event.preventDefault()

/** The same style sheet as the pages have, there before anything is drawn. */
async function loadSheet() {
  const loaded = new CSSStyleSheet()
  try {
    const response = await fetch(new URL('panel.css', import.meta.url))
    await loaded.replace(await response.text())
  } catch {
    // The network failed, or the page is left already: a plain panel works, none does not.
  }
  return loaded
}

const sheet = await loadSheet()
customElements.define('api-keys-panel', ApiKeysPanel)
