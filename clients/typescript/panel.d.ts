/** The attributes of `<api-keys-panel>`, which a page loads from `/embed/api-keys-panel.js` of its Latchkey. */
export interface ApiKeysPanelAttributes {
  /** The origin of Latchkey. */
  'api-base': string
  'public-url'?: string
  /** How many keys an owner may hold. */
  limit?: number | string
  'names-optional'?: boolean | ''
  /** The page where people sign in; by default Latchkey's own. */
  'sign-in-url'?: string
  /** Where Latchkey is mounted without its pages. */
  'without-pages'?: boolean | ''
  /** Where the page's own backend answers `{"token": "…"}`, a JWT for the calls. */
  'token-url'?: string
}

export interface ApiKeysPanel extends HTMLElement {
  /** In the place of `token-url`. */
  getToken?: (() => Promise<string>) | undefined
}

declare global {
  interface HTMLElementTagNameMap {
    'api-keys-panel': ApiKeysPanel
  }
}
