import type { DetailedHTMLProps, HTMLAttributes, ReactElement, ReactNode, Ref } from 'react'
import type { ApiKeysPanel, ApiKeysPanelAttributes, ApiKeysPanelEventMap } from './panel.js'

type Properties = Partial<Pick<ApiKeysPanel, 'getToken' | 'strings'>>
type Listeners = { [E in keyof ApiKeysPanelEventMap as `on${E}`]?: (event: ApiKeysPanelEventMap[E]) => void }

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'api-keys-panel': DetailedHTMLProps<HTMLAttributes<ApiKeysPanel>, ApiKeysPanel> &
        ApiKeysPanelAttributes & Properties & Listeners
    }
  }
}

type Camel<S> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type Pascal<S extends string> = Capitalize<Camel<S> & string>

/** The attributes as React spells them: `apiBase`, `perPage`, `hideHeader`. */
type Props = { [K in keyof ApiKeysPanelAttributes as Camel<K>]: ApiKeysPanelAttributes[K] }
/** `onReady`, `onCreated`, `onBeforeCreate` and so on. */
type Events = { [E in keyof ApiKeysPanelEventMap as E extends `api-keys-${infer Name}` ? `on${Pascal<Name>}` : never]?: (event: ApiKeysPanelEventMap[E]) => void }

/** The panel, with the script that defines it, which is loaded from `apiBase` once. */
export declare function ApiKeys(
  props: Props & Events & Properties & { lang?: string; ref?: Ref<ApiKeysPanel>; className?: string; children?: ReactNode },
): ReactElement
