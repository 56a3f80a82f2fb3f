/** The attributes of `<api-keys-panel>`, which a page loads from `/embed/api-keys-panel.js` of its Latchkey. */
export interface ApiKeysPanelAttributes {
  /** The origin of Latchkey. */
  'api-base': string
  'public-url'?: string
  /** What the code that comes with a new key sends: `METHOD address [JSON]`; a verification by default. */
  'example-request'?: string
  /** How many keys an owner may hold. */
  limit?: number | string
  'names-optional'?: boolean | ''
  /** Your product's name, documentation and help. */
  'brand-name'?: string
  'docs-url'?: string
  'support-url'?: string
  /** How many keys a page of the list shows; 25 by default. */
  'per-page'?: number | string
  /** Where keys are for production alone. */
  environments?: 'on' | 'off'
  /** Where nobody chooses when a key expires. */
  expiry?: 'on' | 'off'
  /** Where nobody chooses what a key may be used for. */
  scopes?: 'on' | 'off'
  /** Where nobody chooses from which networks. */
  networks?: 'on' | 'off'
  /** Where nobody sets limits and credits. */
  budgets?: 'on' | 'off'
  /** Where your page has a heading of its own. */
  'hide-header'?: boolean | ''
  /** The level of the panel's heading; 2 by default. */
  'heading-level'?: number | string
  /** The page where people sign in; by default Latchkey's own. */
  'sign-in-url'?: string
  /** Where Latchkey is mounted without its pages. */
  'without-pages'?: boolean | ''
  /** Where `LATCHKEY_DOCS=off`. */
  'without-docs'?: boolean | ''
  /** Where the page's own backend answers `{"token": "…"}`, a JWT for the calls. */
  'token-url'?: string
}

/** A key as events have it, never its text. */
export interface AboutKey {
  id: string
  name: string
  keyPrefix: string
}

/** An event before something is done. */
export interface BeforeEvent<Detail> extends CustomEvent<Detail> {
  /** The action waits for `promise`, and is left out where that gives false or is rejected; as with `preventDefault()`. */
  waitUntil(promise: Promise<unknown>): void
}

export interface ApiKeysPanelEventMap {
  /** The list is there. */
  'api-keys-ready': CustomEvent<{ keys: number }>
  'api-keys-created': CustomEvent<AboutKey & { environment: 'live' | 'test' }>
  /** The new key, and the id of the one that it replaces. */
  'api-keys-rotated': CustomEvent<AboutKey & { environment: 'live' | 'test'; replaces: string }>
  'api-keys-revoked': CustomEvent<AboutKey>
  /** After each change. */
  'api-keys-changed': CustomEvent<AboutKey & { action: 'created' | 'changed' | 'rotated' | 'revoked' }>
  /** A call failed. `status` is 0 where nothing of Latchkey's came back; `code` is its `X-Error-Code`. */
  'api-keys-error': CustomEvent<{ message: string; status: number; code: string | null; requestId: string | null }>
  /** Nobody is signed in, or nobody any more. */
  'api-keys-signed-out': CustomEvent<Record<string, never>>
  /** As far as they were chosen. `scopes` is null for full access. */
  'api-keys-before-create': BeforeEvent<{
    name?: string; environment?: 'live' | 'test'; expiresAt?: string; scopes?: string[] | null; allowedNetworks?: string[]
  }>
  'api-keys-before-rotate': BeforeEvent<AboutKey & { overlapSeconds: number }>
  'api-keys-before-revoke': BeforeEvent<{ keys: AboutKey[] }>
}

export interface ApiKeysPanel extends HTMLElement {
  /** In the place of `token-url`. */
  getToken: (() => Promise<string>) | null | undefined
  /** Words in the place of the panel's, by the names in `words-en.js`; see docs/embedding.md. */
  strings: object | undefined
  /** Asks for the list again. */
  refresh(): Promise<void>
  /** Opens the dialog that creates a key. */
  openCreate(options?: { name?: string }): void

  addEventListener<E extends keyof ApiKeysPanelEventMap>(
    type: E, listener: (this: ApiKeysPanel, event: ApiKeysPanelEventMap[E]) => void, options?: boolean | AddEventListenerOptions): void
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void
}

declare global {
  interface HTMLElementTagNameMap {
    'api-keys-panel': ApiKeysPanel
  }
}
