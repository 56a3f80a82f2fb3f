// @ts-check
import { Address } from './address.js'
import { Api } from './api.js'
import { Catalogue } from './catalogue.js'
import { serverNow } from './clock.js'
import { openCreate as openCreateDialog } from './create.js'
import { openDetails } from './detail.js'
import { find, h } from './dom.js'
import { complain, complainOfSilence, numberOf, tell } from './host.js'
import { icon } from './icons.js'
import { isFiltered, matching, pageWith, queryOf, viewFrom } from './keys.js'
import { Keyring } from './keyring.js'
import { Leaks } from './leaks.js'
import { createList } from './list.js'
import { problemPlace } from './problem.js'
import { listenForShortcuts } from './shortcuts.js'
import { signInAddress } from './sign-in.js'
import { fill, plural, reword, text } from './strings.js'
import { showOtherAccount } from './takeover.js'
import { MINUTE } from './times.js'
import { proofOf } from './token.js'
import { tipIn } from './tip.js'
import { createToast } from './toast.js'
import { createToolbar } from './toolbar.js'
import { emptyView, failedView, loadingView, noMatchesView, signedOutView } from './views.js'

const HIGHLIGHTED = 4_000
/** For so long after somebody moved or pressed something, the list is read again each minute. */
const WATCHED = 5 * MINUTE
/** The part of the limit from which on the list says how many keys there are; src/pages.rs has the same. */
const NEARLY = 0.8

/**
 * <api-keys-panel>: everything a person does with API keys; docs/embedding.md describes it.
 *
 * On a page of Latchkey, the attribute `keys` holds the keys of `account`, and the page's address the view. With
 * `api-base`, the panel asks for the keys and leaves the address alone.
 */
export class ApiKeysPanel extends HTMLElement {
  static observedAttributes = [
    'api-base', 'token-url', 'sign-in-url', 'docs-url', 'support-url', 'limit', 'without-pages', 'without-docs', 'hide-header', 'heading-level', 'per-page',
    'environments', 'expiry', 'scopes', 'networks', 'budgets',
  ]

  view = viewFrom('')
  /** @type {Set<string>} */
  selected = new Set()
  /** Ids of keys that are being changed. @type {Set<string>} */
  busy = new Set()
  /** @type {Set<Dialog>} */
  dialogs = new Set()

  // Made again when the panel is connected: before, it may lack its attributes.
  api = new Api('')
  keyring = new Keyring(this, null)
  catalogue = new Catalogue(this.api, null)
  root = this.attachShadow({ mode: 'open' })
  problem = problemPlace(this, 'problem', { isDismissible: true })
  toolbar = createToolbar(this)
  list = createList(this)
  leaks = new Leaks(this)
  place = h('div', { class: 'place' })
  toast = createToast(message => this.say(message))

  #isEditing = false
  #isTakenOver = false
  #isReady = false
  #willRedraw = false
  /** @type {object} */
  #strings = {}
  /** @type {GetToken | null} */
  #getToken = null
  /** @type {Set<string>} */
  #fresh = new Set()
  #life = new AbortController()

  constructor() {
    super()
    // A page may have set them before the element was defined.
    for (const name of /** @type {const} */ (['getToken', 'strings'])) {
      if (!Object.hasOwn(this, name)) continue
      const value = this[name]
      delete /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (this))[name]
      Object.assign(this, { [name]: value })
    }
  }

  connectedCallback() {
    if (this.#isTakenOver) return
    this.#life = new AbortController()
    const isFirst = !this.root.firstChild
    if (isFirst) this.#begin()
    if (this.#hasAddress) this.view = this.address.view
    if (isFirst) this.#build()
    this.#listen(this.#life.signal)
    this.render()
    if (!isFirst || !this.keys) this.keyring.refresh()
    this.keyring.whole().then(() => this.#showAddressed())
  }

  /** @param {string} name @param {string?} before @param {string?} value */
  attributeChangedCallback(name, before, value) {
    // Before it is built, `connectedCallback` reads all of them.
    if (before === value || !this.root.firstChild) return
    if (name === 'api-base' || name === 'token-url') this.#restart()
    else this.#redraw()
  }

  /** An async function that returns a JWT of the page's own system, instead of a session of Latchkey's. */
  get getToken() { return this.#getToken }
  set getToken(getToken) {
    const isOther = !getToken !== !this.#getToken
    this.#getToken = getToken
    // One function after the other is asked the next time: frameworks set a new one at each rendering.
    if (isOther && this.root.firstChild) this.#restart()
  }

  /** The page's own words, by the names in words-en.js. All panels of the page speak them. */
  get strings() { return this.#strings }
  set strings(strings) {
    this.#strings = strings
    const unknown = reword(strings ?? {})
    if (unknown.length) complain(`strings has names that the panel has no words for: ${unknown.join(', ')}`)
    if (this.root.firstChild) this.#redraw()
  }

  #begin() {
    const base = this.getAttribute('api-base') ?? ''
    if (base && !URL.canParse(base, location.href)) complain(`api-base="${base}" is no address: give the origin of Latchkey, as LATCHKEY_PUBLIC_URL has it`)
    if (!base && new URL(import.meta.url).origin !== location.origin) complain('api-base is missing: give the origin of Latchkey, as LATCHKEY_PUBLIC_URL has it')
    const api = this.api = new Api(base, this.getAttribute('account'), proofOf(this))
    const ifStill = (/** @type {() => void} */ act) => { if (api === this.api) act() }
    api.onOtherAccount = () => ifStill(() => this.#leaveToOther())
    api.onSignedOut = error => ifStill(() => this.#sessionOver(error))
    api.onFailed = error => ifStill(() => this.#callFailed(error))
    const given = (/** @type {string} */ name) => JSON.parse(this.getAttribute(name) ?? 'null')
    const rest = given('rest')
    this.keyring = new Keyring(this, given('keys'), rest && { ...rest, query: queryOf(viewFrom(location.search)) }, given('leaked'))
    this.catalogue = new Catalogue(api, given('catalogue'))
    for (const name of ['keys', 'rest', 'leaked', 'catalogue']) this.removeAttribute(name)
    this.#isReady = false
  }

  /** Begins again, with another Latchkey or another proof of who is signed in. */
  #restart() {
    if (this.#isTakenOver) return
    this.dialogs.forEach(dialog => dialog.close())
    this.selected.clear()
    this.problem.clear()
    this.#isEditing = false
    this.#begin()
    this.render()
    if (this.isConnected) this.keyring.refresh()
  }

  /** Draws everything but open dialogs again, once for all attributes that change together. */
  #redraw() {
    if (this.#willRedraw) return
    this.#willRedraw = true
    queueMicrotask(() => {
      this.#willRedraw = false
      if (this.#isTakenOver) return
      const { focused } = this
      this.#isEditing = false
      find(this.root, '.panel', HTMLElement).replaceWith(this.#section())
      this.render()
      if (focused) this.focusOn(focused)
    })
  }

  disconnectedCallback() {
    this.#life.abort()
    this.guard(false)
    this.dialogs.forEach(dialog => dialog.close())
  }

  get publicUrl() {
    return (this.getAttribute('public-url') ?? (this.api.base || location.origin)).replace(/\/+$/, '')
  }

  /** Whether Latchkey serves its pages beside the API, which another service that mounts it may not. */
  get hasPages() { return !this.hasAttribute('without-pages') }

  get hasEnvironments() { return this.getAttribute('environments') !== 'off' }
  get hasExpiry() { return this.getAttribute('expiry') !== 'off' }
  /** Whether people choose limits and credits of their keys. */
  get hasBudgets() { return this.getAttribute('budgets') !== 'off' }
  get hasNetworks() { return this.getAttribute('networks') !== 'off' }
  /** What scopes a person chooses from, if people do. */
  get scopes() { return this.getAttribute('scopes') === 'off' ? null : this.catalogue }
  get brandName() { return this.getAttribute('brand-name') ?? undefined }
  get docsUrl() { return this.getAttribute('docs-url') ?? (this.hasPages && !this.hasAttribute('without-docs') ? `${this.api.base}/docs` : null) }
  get supportUrl() { return this.getAttribute('support-url') }

  /** The page where people sign in, if there is one: not Latchkey's, where the page around the panel proves who they are. */
  get signInUrl() {
    const given = this.getAttribute('sign-in-url')
    // A page of Latchkey says where it is; another page's own sign-in knows.
    if (given && this.#hasAddress) return signInAddress(given, location.href)
    return given ?? (this.hasPages && !this.api.prove ? `${this.api.base}/sign-in` : null)
  }

  /** As the API lists them; null before it did. */
  get keys() { return this.keyring.keys }

  /** Attributes of links to pages of Latchkey: another dashboard stays open. */
  get elsewhere() { return this.api.base ? { target: '_blank', rel: 'noopener' } : {} }

  get #hasAddress() { return !this.hasAttribute('api-base') }
  get address() { return new Address(this.#hasAddress) }
  get #limit() { return numberOf(this, 'limit', { standard: Infinity, least: 0, most: 1_000_000 }) }
  get #perPage() { return numberOf(this, 'per-page', { standard: 25, least: 1, most: 200 }) }
  get #isSignedOut() { return !this.keys && !!this.keyring.failure?.isSignedOut }

  #build() {
    // The server's drawing of the list would only grow old. What another page has in the element is that page's.
    if (this.#hasAddress) this.replaceChildren()
    this.root.adoptedStyleSheets = [sheet]
    this.root.append(this.#section(),
      h('div', { class: 'toasts' }, this.problem.place, this.toast.place),
      h('p', { id: 'status', role: 'status', class: 'visually-hidden' }), tipIn(this.root))
  }

  #section() {
    this.toolbar = createToolbar(this)
    this.list = createList(this)
    this.leaks = new Leaks(this)
    this.place = h('div', { class: 'place' })
    const level = numberOf(this, 'heading-level', { standard: 2, least: 1, most: 6 })
    return h('section', { class: 'panel', 'aria-labelledby': 'heading' },
      h('header', { class: 'panel-head' },
        h('div', { class: this.hasAttribute('hide-header') ? 'visually-hidden' : 'titles' },
          h('h2', { id: 'heading', 'aria-level': level !== 2 && level, tabindex: -1, 'data-focus': 'heading' }, text.heading), h('p', { class: 'muted' }, text.intro)),
        h('slot', { name: 'header' }),
        h('button', { type: 'button', class: 'button primary', 'data-focus': 'create', onclick: () => this.openCreate() }, icon('plus'), text.create)),
      this.leaks.place,
      h('p', { id: 'limit', class: 'notice warn', hidden: true }),
      this.toolbar.element, this.place)
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    addEventListener('focus', () => this.keyring.refresh(), { signal })
    document.addEventListener('visibilitychange', () => document.hidden || this.keyring.refresh(), { signal })
    if (this.#hasAddress) {
      addEventListener('popstate', () => {
        this.view = this.address.view
        this.render()
        this.#showAddressed()
      }, { signal })
    }
    listenForShortcuts(this, this.#hasAddress, signal)
    let acted = performance.now()
    for (const kind of ['pointermove', 'pointerdown', 'keydown']) addEventListener(kind, () => { acted = performance.now() }, { signal, passive: true })
    // A list that nobody looks at is not asked for: that would keep the session alive.
    const timer = setInterval(() => {
      this.render()
      if (!document.hidden && performance.now() - acted < WATCHED) this.keyring.refresh()
    }, MINUTE)
    signal.addEventListener('abort', () => clearInterval(timer))
  }

  /** Draws the list, unless somebody types in it. */
  render() {
    if (this.#isEditing || this.#isTakenOver) return
    const { focused } = this
    const now = serverNow()
    const { failure } = this.keyring
    const page = this.keyring.page(this.view, now, this.#perPage)
    for (const id of this.selected) if (!this.keys?.some(key => key.id === id)) this.selected.delete(id)
    this.toolbar.element.hidden = !this.keys?.length && !this.keyring.rest
    this.toolbar.update(this.view)
    this.#showLimit()
    this.leaks.update()
    if (this.keys && !this.keyring.rest && !this.#isReady) {
      this.#isReady = true
      tell(this, 'ready', { keys: this.keys.length })
      this.scopes?.load()
    }
    if (!this.keys || !page) this.#put(failure ? (failure.isSignedOut ? signedOutView : failedView)(this) : loadingView())
    else if (this.keys.length === 0 && !this.keyring.rest) this.#put(emptyView(this))
    else if (page.total === 0) this.#put(noMatchesView(this, this.view))
    else {
      this.#put(this.list.element)
      this.list.update(page, this.view, now)
    }
    if (focused && !this.root.activeElement) this.focusOn(focused)
  }

  /** @param {Node} content */
  #put(content) {
    if (!this.place.firstChild?.isEqualNode(content)) this.place.replaceChildren(content)
  }

  #showLimit() {
    const { counted } = this.keyring
    const isReached = counted >= this.#limit
    const count = find(this.root, '#count', HTMLElement)
    count.hidden = isReached || counted < NEARLY * this.#limit
    count.textContent = fill(text.counted, { used: counted, limit: this.#limit })
    const button = find(this.root, '[data-focus=create]', HTMLElement)
    if (isReached) button.setAttribute('aria-describedby', 'limit')
    else button.removeAttribute('aria-describedby')
    button.setAttribute('aria-disabled', String(isReached))
    button.hidden = this.#isSignedOut
    const notice = find(this.root, '#limit', HTMLElement)
    notice.hidden = !isReached
    notice.textContent = isReached ? plural(text.limitReached, this.#limit) : ''
  }

  /** Shows another part of the list. @param {Partial<View>} part */
  show(part, { isTyping = false } = {}) {
    this.view = { ...this.view, ...part }
    this.address.show(this.view, isTyping)
    this.#isEditing = false
    this.render()
    const page = this.keyring.page(this.view, serverNow(), this.#perPage)
    if (page) this.say(page.pages > 1 ? fill(text.shown, page) : plural(text.found, page.total))
  }

  /** Opens or closes details as the address says. */
  #showAddressed() {
    if (!this.#hasAddress || !this.keys) return
    const id = this.address.details
    const key = this.keyring.find(id)
    const open = [...this.dialogs].find(dialog => dialog.hasAddress)
    if (key && !open) openDetails(this, key)
    else if (id === null) open?.close()
  }

  clearFilters() {
    this.show({ q: '', status: null, environment: null, page: 1 })
  }

  /** Goes to the row of a key, also on another page of the list. @param {string} id */
  async goTo(id) {
    await this.keyring.whole()
    this.#uncover(id)
    this.#highlight(id)
    this.focusOn(`menu:${id}`)
    this.rowOf(id)?.scrollIntoView({ block: 'nearest' })
  }

  /** @param {string} id */
  #uncover(id) {
    if (this.rowOf(id)) return
    if (isFiltered(this.view)) this.clearFilters()
    const page = pageWith(matching(this.keys ?? [], this.view, serverNow()), id, this.#perPage)
    if (page !== this.view.page) this.show({ page })
  }

  /** @param {string} id */
  rowOf(id) { return this.list.row(id) }
  /** @param {Key} key */
  isFresh({ id }) { return this.#fresh.has(id) }

  /** @param {string} id */
  #highlight(id) {
    this.#fresh.add(id)
    this.render()
    setTimeout(() => {
      this.#fresh.delete(id)
      this.render()
    }, HIGHLIGHTED)
  }

  // What a page around the panel may call

  /** Opens the dialog that creates a key; the name and the environment may be given. @param {{ name?: string, environment?: string }} [options] */
  openCreate({ name = '', environment = 'live' } = {}) {
    if (!this.isConnected) return complain('openCreate() was called before the element was in the page')
    if (this.#isSignedOut || this.#isTakenOver || this.dialogs.size > 0) return
    if (this.keyring.counted >= this.#limit) return this.say(plural(text.limitReached, this.#limit))
    openCreateDialog(this, name, environment)
  }

  /** Asks for the list again. */
  async refresh() {
    if (!this.isConnected) return complain('refresh() was called before the element was in the page')
    if (!this.#isTakenOver) await this.keyring.refresh()
  }

  async retry() {
    this.problem.clear()
    await this.keyring.refresh()
    this.focusOn('heading')
  }

  /** The dialog that showed a new key was closed. @param {Issued} created */
  revealed({ id, name }) {
    if (!this.keys) return
    this.#uncover(id)
    this.#highlight(id)
    this.told(fill(text.wasCreated, { name }))
  }

  /** A change of `key` failed: says why, and refreshes the list. @param {ApiError} error @param {Key} key */
  async failed(error, { id, name }) {
    if (error.isSignedOut || error.isOtherAccount) return
    if (!error.isGone) this.problem.show(error, ...(error.isForeign ? [text.notCarriedOut] : []))
    const isGone = await this.keyring.isGone(id)
    if (error.isGone) this.problem.show(isGone ? new Error(fill(text.goneMeanwhile, { name })) : error)
  }

  /** @param {ApiError} error */
  #callFailed(error) {
    const { message, status, code, requestId } = error
    if (!error.isSignedOut) tell(this, 'error', { message, status, code, requestId })
    const { base } = this.api
    if (!base) return
    if (error.isForeign) complain(`${base} gave an answer that is not Latchkey’s: check api-base, and that proxies let X-Latchkey-Time and X-Latchkey-Account through`)
    else if (status === 0 && !error.isOtherAccount && this.api.account === null) complainOfSilence(base)
  }

  /** Nobody is signed in: the list goes. What was typed and a key that is shown once stay. @param {ApiError} error */
  #sessionOver(error) {
    tell(this, 'signed-out', {})
    this.#isEditing = false
    for (const dialog of this.dialogs) if (!dialog.outlivesSession) dialog.close()
    this.keyring.forget(error)
    this.render()
  }

  /** Another account is signed in: nothing is shown or done for this one any more. */
  #leaveToOther() {
    if (this.#isTakenOver) return
    this.dialogs.forEach(dialog => dialog.close())
    this.#isTakenOver = true
    this.#life.abort()
    this.guard(false)
    this.keyring.forget(null)
    const page = this.#hasAddress ? this.closest('.frame') : null
    showOtherAccount(page ?? find(this.root, '.panel', HTMLElement), this.api.base)
  }

  /** @param {string[]} ids @param {boolean} isSelected */
  select(ids, isSelected) {
    for (const id of ids) isSelected ? this.selected.add(id) : this.selected.delete(id)
    for (const id of ids) {
      const box = this.rowOf(id)?.querySelector('.select input')
      if (box instanceof HTMLInputElement) box.checked = box.defaultChecked = isSelected
    }
    this.list.mark()
    this.say(plural(text.selected, this.selected.size))
  }

  // Where the focus is, and what is read out

  /** The list stays as it is until `endEditing`, since somebody types in it. */
  beginEditing() {
    this.#isEditing = true
  }

  endEditing() {
    this.#isEditing = false
    this.render()
  }

  /** What gets the focus when `keys` are gone: the menu of the row after them. @param {Key[]} keys */
  afterwards(keys) {
    const gone = new Set(keys.map(key => key.id))
    const rows = this.list.ids()
    const last = rows.findLastIndex(id => gone.has(id))
    const next = rows.find((id, at) => at > last && !gone.has(id))
    return next ? `menu:${next}` : 'heading'
  }

  get focused() { return this.root.activeElement?.getAttribute('data-focus') ?? null }

  /** Focuses the element of this name, or the heading if it is gone. @param {string?} name */
  focusOn(name) {
    /** @param {string?} wanted @returns {HTMLElement?} */
    const of = wanted => this.root.querySelector(`[data-focus="${wanted}"]`)
    ;(of(name) ?? of('heading'))?.focus()
  }

  /** Shows what was done, and has it read out. @param {string} message @param {(() => void) | false} undo */
  told(message, undo = false) {
    this.problem.clear()
    this.toast.show(message, undo)
  }

  /** Has `message` read out, in the open dialog if there is one. @param {string} message */
  say = message => {
    const region = this.root.querySelector('dialog:last-of-type > [role=status]') ?? find(this.root, '#status', HTMLElement)
    region.textContent = ''
    setTimeout(() => { region.textContent = message }, 50)
  }

  /** Whether the browser asks before it leaves the page. @param {boolean} isOn */
  guard(isOn) {
    if (isOn) addEventListener('beforeunload', holdBack)
    else removeEventListener('beforeunload', holdBack)
  }
}

const holdBack = (/** @type {Event} */ event) => event.preventDefault()

/** The style sheet of the pages, loaded before anything is drawn. */
async function loadSheet() {
  const loaded = new CSSStyleSheet()
  try {
    const response = await fetch(new URL('panel.css', import.meta.url))
    await loaded.replace(await response.text())
  } catch {
    // The network failed: a panel without styles works, too.
  }
  return loaded
}

const sheet = await loadSheet()
customElements.define('api-keys-panel', ApiKeysPanel)
