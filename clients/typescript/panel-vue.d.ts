import type { DefineComponent, HTMLAttributes } from 'vue'
import type { ApiKeysPanel, ApiKeysPanelAttributes, ApiKeysPanelEventMap } from './panel.js'

/** Vue's types know the attributes of a template by these names. */
type Camel<S> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type Props = { [K in keyof ApiKeysPanelAttributes as Camel<K>]: ApiKeysPanelAttributes[K] }
type Events = { [E in keyof ApiKeysPanelEventMap as `on${Capitalize<Camel<E> & string>}`]?: (event: ApiKeysPanelEventMap[E]) => void }

declare module 'vue' {
  interface GlobalComponents {
    'api-keys-panel': DefineComponent<
      Props & Events & HTMLAttributes & Partial<Pick<ApiKeysPanel, 'getToken' | 'strings'>>
    >
  }
}
