import type { DefineComponent, HTMLAttributes } from 'vue'
import type { ApiKeysPanel, ApiKeysPanelAttributes } from './panel.js'

/** Vue's types know the attributes of a template by these names. */
type Camel<S> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type Props = { [K in keyof ApiKeysPanelAttributes as Camel<K>]: ApiKeysPanelAttributes[K] }

declare module 'vue' {
  interface GlobalComponents {
    'api-keys-panel': DefineComponent<
      Props & HTMLAttributes & { getToken?: ApiKeysPanel['getToken']; onApiKeysChanged?: (event: CustomEvent) => void }
    >
  }
}
