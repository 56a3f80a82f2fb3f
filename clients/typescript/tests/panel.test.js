// The React component as a server renders it; what it does in a browser, the types and docs/embedding.md say.
import { equal } from 'node:assert/strict'
import { test } from 'node:test'

import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { ApiKeys } from 'latchkey-client/panel/react'

test('the component spells attributes as the element does, and renders nothing of functions', () => {
  const props = { apiBase: 'https://keys.example.com', perPage: 10, hideHeader: true, namesOptional: false, className: 'wide', getToken: async () => 'a.b.c', onCreated() {} }
  equal(renderToStaticMarkup(createElement(ApiKeys, props, createElement('p', { slot: 'empty' }, 'None'))),
    '<api-keys-panel api-base="https://keys.example.com" class="wide" per-page="10" hide-header=""><p slot="empty">None</p></api-keys-panel>')
})
