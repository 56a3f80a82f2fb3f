// @ts-check

/** The scopes that keys may be given here. */
export class Catalogue {
  #api
  /** @type {Promise<ScopeOf[]>?} */
  #asking = null

  /** @param {import('./api.js').Api} api @param {ScopeOf[]?} list */
  constructor(api, list) {
    this.#api = api
    /** Null while it is not known. */
    this.list = list
  }

  /** Empty where there is none, where an older Latchkey has no such call, and where that failed: the service decides then. */
  load() {
    return this.mustLoad().catch(() => /** @type {ScopeOf[]} */ ([]))
  }

  /** The same, but throws where the call failed. The next call tries again. */
  async mustLoad() {
    if (this.list) return this.list
    this.#asking ??= this.#api.scopes().finally(() => { this.#asking = null })
    this.list = await this.#asking
    return this.list
  }

  /** It may be another one by now. */
  forget() {
    this.list = null
  }
}
