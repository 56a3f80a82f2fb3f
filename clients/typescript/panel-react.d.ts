import type { DetailedHTMLProps, HTMLAttributes } from 'react'
import type { ApiKeysPanel, ApiKeysPanelAttributes } from './panel.js'

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'api-keys-panel': DetailedHTMLProps<HTMLAttributes<ApiKeysPanel>, ApiKeysPanel> &
        ApiKeysPanelAttributes & { getToken?: ApiKeysPanel['getToken']; 'onapi-keys-changed'?: (event: CustomEvent) => void }
    }
  }
}
