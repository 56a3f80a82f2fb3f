import type { DefineComponent, HTMLAttributes } from 'vue'
import type { ApiKeysPanel, ApiKeysPanelAttributes } from './panel.js'

declare module 'vue' {
  interface GlobalComponents {
    'api-keys-panel': DefineComponent<
      ApiKeysPanelAttributes & HTMLAttributes & { getToken?: ApiKeysPanel['getToken']; onApiKeysChanged?: (event: CustomEvent) => void }
    >
  }
}
