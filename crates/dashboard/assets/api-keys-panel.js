customElements.define('api-keys-panel', class extends HTMLElement {})
