// The types that the dashboard's scripts name in their comments. All are global: every browser would load an import.
// `just types` makes api.d.ts, the bodies of the API, from openapi.json.

// The API

/** With its calls of the last 30 days, today last, as lists have them. */
type Key = Omit<import('./api').ItemBody, 'usage'> & { usage?: readonly number[] }
type UsageBody = import('./api').UsageBody
type Refusal = import('./api').RefusalBody
type Reason = import('./api').ReasonName
type Issued = import('./api').IssuedBody
type Rotated = import('./api').RotatedBody
type Success = import('./api').Success
type Account = import('./api').AccountBody
/** Gets the token of the page around a panel: another one, where the last was refused. */
type Prove = (isAnew?: boolean) => Promise<string>
type GetToken = () => Promise<string>
type Session = import('./api').SessionBody
type Credentials = import('./api').Credentials
type PasswordChange = import('./api').PasswordChange
type EmailChange = import('./api').EmailChange
type Proof = import('./api').Proof
type Ended = import('./api').Ended
type KeyChange = import('./api').ChangeBody
type CreditsChange = Partial<import('./api').CreditsBody>
type AuditEvent = import('./api').EventBody
/** With LATCHKEY_KEY_NAMES=optional the name may be left out. */
type KeyRequest = Partial<import('./api').CreateBody>
type ScopeOf = import('./api').ScopeBody

/** A scope to choose. */
interface ScopeRow {
  name: string
  description: string
  isRestricted: boolean
  isTicked: boolean
  /** Whether it can't be chosen. */
  isLocked: boolean
}
interface ScopeChoice {
  groups: { name: string | null, rows: ScopeRow[] }[]
  /** What the key has that the catalogue has not. */
  others: string[]
  isFullOffered: boolean
  isFull: boolean
}

// The API reference

/** What the example of a call sends. */
interface ExampleCall {
  method: string
  /** With examples in the place of the parameters. */
  path: string
  headers: [string, string][]
  needsSession: boolean
  body: string | null
  runs: Runnable | null
}
/** A call that only reads and needs no more than the session of the browser. */
interface Runnable {
  path: string
  parameters: { name: string, values: string[] }[]
}

/** A body of which nothing is known yet. */
type Json = { [member: string]: unknown } | null | undefined
type Fits = (body: Json) => boolean
/** What a call is answered with when it is done. A body that fits is a `T`. */
interface Wanted<T> {
  status: number
  fits: Fits
  isAnonymous?: boolean
  /** Whether nobody is told of a failure. */
  isQuiet?: boolean
  /** For the compiler alone: no value has it. */
  body?: T
}
interface AllWanted {
  success: Wanted<Success>
  session: Wanted<Session>
  account: Wanted<Account>
  ended: Wanted<Ended>
  signedIn: Wanted<Account>
  signedUp: Wanted<Account>
  items: Wanted<Key[]>
  scopes: Wanted<ScopeOf[]>
  usage: Wanted<UsageBody>
  refusals: Wanted<Refusal[]>
  events: Wanted<AuditEvent[]>
  issued: Wanted<Issued>
  item(id: string): Wanted<Key>
  replacementOf(id: string): Wanted<Rotated>
}
interface Answered<T> {
  response: Pick<Response, 'status' | 'headers'>
  body: Json
  wanted: Wanted<T>
  account: string | null
}
interface EventsOf {
  key?: string
  before?: string
  soFar?: (number: number) => void
}

type ApiError = import('../assets/answer.js').ApiError
/** The members of an `ApiError` beside its message. */
interface About {
  status?: number
  code?: string | null
  requestId?: string | null
  retryAfter?: number
  isForeign?: boolean
  isOtherAccount?: boolean
}
/** An error as a person sees it: an `ApiError`, or words alone. */
interface Failure {
  message: string
  requestId?: string | null
  isSignedOut?: boolean
}

// Keys and the list of them

/** Says something about a key at an instant, in milliseconds. */
type OfKey<T> = (key: Key, now: number) => T
type View = ReturnType<typeof import('../assets/keys.js').viewFrom>
type Sort = (typeof import('../assets/keys.js').SORTS)[number]
type Order = 'asc' | 'desc'
type Compared = Record<Exclude<Sort, 'created'>, (key: Key) => string | number>
type Page = ReturnType<typeof import('../assets/keys.js').pageOf>
/** What a page says of keys when it holds only those of one view: of that view, as a query string, and of all. */
interface Rest {
  query: string
  page: Omit<Page, 'keys'>
  /** How many keys at the end of the list are there only because rows name them. */
  related: number
  counted: number
}
type Column = keyof English['columns']

/** The calls of an hour or a day, which begins at `start`, in milliseconds. */
interface Bucket {
  start: number
  accepted: number
  cost: number
  refused: number
  reasons: UsageBody['items'][number]['refused']
}
/** Where usage comes from: `usage` gets a query string. */
interface UsageSource {
  usage: (query: string) => Promise<UsageBody>
  /** That of the days that are shown first, if it is known already. */
  first?: UsageBody
  refusals?: () => Promise<Refusal[]>
  credits?: number | null
}

type Told = Pick<AuditEvent, 'action' | 'keyId' | 'keyName' | 'changes'>
/** A part of a sentence: words, the name of a key, or an instant. */
type Part = string | { name: string } | { at: string }

// The panel and its parts

type Panel = import('../assets/api-keys-panel.js').ApiKeysPanel
/** What copies and says something: the panel, or a page. */
type Speaker = Pick<Panel, 'api' | 'say'> & { supportUrl?: string | null }
/** What shows dialogs: the panel, or a page. */
interface Stage extends Speaker {
  dialogs: Set<Dialog>
  root: Pick<ShadowRoot, 'append' | 'activeElement' | 'querySelector'>
  readonly focused: string | null
  focusOn(name: string | null): void
}
type Problem = ReturnType<typeof import('../assets/problem.js').problemPlace>
type OnPanel = (panel: Panel) => void
type OnKey = (panel: Panel, key: Key) => void
type StartRename = (panel: Panel, id: string, back: string, typed?: string | null, error?: Failure | null) => void

type Dialog = import('../assets/dialog.js').Dialog
type Ask = (stage: Stage, question: { title: string, why: string, yes: string, no: string }) => Promise<boolean>
type FormButtons = (dialog: Dialog, label: string, kind?: string, cancel?: Attributes) => { buttons: HTMLElement, submit: HTMLButtonElement }
type OnSubmit = (dialog: Dialog, form: HTMLFormElement, submit: HTMLButtonElement, progress: string, work: () => Promise<void>) => void

interface AccessFields {
  scopes?: Pick<import('../assets/catalogue.js').Catalogue, 'list' | 'load' | 'forget'> | null
  hasNetworks?: boolean
  /** The key that is changed; none where one is created. */
  key?: Pick<Key, 'scopes' | 'allowedNetworks'> | null
  mayGiveAll?: boolean
}
/** Fields of which `value()` says what they change; with no member, nothing. */
interface ChangeFields<C> {
  field: HTMLElement
  value(): C
  check(): boolean
  clear(): void
  /** Shows an error beside the field that it is about; false where it is about none of these. */
  took(error: ApiError): boolean
}
interface HowToChange<C> {
  problem: { place: HTMLElement, clear(): void, show(error: ApiError): void }
  save(change: C): Promise<unknown>
  saved(): void
  isGone(error: ApiError): boolean
}
type OpenChange = <C extends object>(stage: Stage, title: string, name: string, fields: ChangeFields<C>, how: HowToChange<C>) => void

interface MenuItem {
  label: string
  kind?: string
  /** Why it can't be chosen, if so. */
  reason?: string
  run: () => void
}
type OpenMenu = (root: ShadowRoot, button: HTMLElement, items: MenuItem[], way: { last: boolean, back: () => void }) => void

type Filter = <V extends string>(
  label: string, values: readonly V[], words: Record<V, string>, choose: (chosen: V | null) => void,
) => HTMLSelectElement

/** What a button copies, and how it says so. Other members are attributes. */
interface CopyButton extends Attributes {
  label: string
  what: () => string
  shown: () => HTMLElement
  say: (message: string) => void
  said?: string
  kind?: string
  iconOnly?: boolean
  done?: () => void
}

/** A text, or a variable of the environment with what stands before it. */
type HeaderValue = string | { variable: string, before?: string }
/** A request to write down as a program. */
interface ExampleRequest {
  /** One of GET, HEAD, OPTIONS, POST, PUT, PATCH and DELETE. */
  method: string
  /** Absolute. */
  url: string
  /** Visible ASCII. */
  headers?: { [name: string]: HeaderValue }
  /** Needs a content type among the headers. */
  body?: string
}
/** An `ExampleRequest` that can be sent. */
interface Checked {
  method: string
  url: string
  headers: [name: string, value: HeaderValue][]
  body?: string
}

// Pages of operators

/** A key of any owner. */
interface OfOwner {
  owner: string
  id: string
}
/** What a button is about: the data of the page. */
interface Subject extends OfOwner {
  name: string
  prefix: string
  creator: string
  email: string
  limit: string
  suspended: string
  /** These as JSON. */
  scopes: string
  networks: string
  limits: string
  credits: string
  key?: string
  action?: string
}
interface Acting {
  button: HTMLElement
  subject: Subject
}
type Act = (acting: Acting) => unknown
/** Shows the page again, which then says what was done. */
type Done = (said: string) => void
type OwnerSettings = import('./api').OwnerSettingsBody
/** A question, and what is done at yes. `typed` has to be typed before. */
interface Decision {
  title: string
  why: string
  lines: string[][]
  label: string
  progress: string
  typed?: string
  run: () => Promise<unknown>
  said: string | ((answer: any) => string)
}
type OwnedEvent = import('./api').OwnedEventBody
interface NewToken {
  name: string
  rights: string[]
  owners: string[]
  days: number
}
interface IssuedToken {
  id: string
  name: string
  token: string
}
interface Instances {
  asOf: number
  instances: { id: string, own: boolean, applied: number, heartbeats: number }[]
}
type OperatorEnglish = typeof import('../assets/operator-words-en.js').default
type OperatorCatalogue = Translated<OperatorEnglish>

// Pages and elements

/** The fields of a form, or the headers of a call. */
type Fields = { [name: string]: string }
type SubmitForm = <T>(form: HTMLFormElement, send: (typed: Fields) => Promise<T>, done: (answer: T) => unknown) => void

/** Texts for some of many names. */
type Words = { [name: string]: string | undefined }
type English = typeof import('../assets/words-en.js').default
/** The texts of another language: as many, by the same names. */
type Catalogue = Translated<English>
type Translated<T> = T extends string ? string : { readonly [M in keyof T]: Translated<T[M]> }
/** The names in braces in a text. */
type Placeholder<W extends string> = W extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholder<Rest> : never
type Timer = ReturnType<typeof setTimeout> | undefined
/** The index that a key of the keyboard leads to. */
type Moves = { [key: string]: number | undefined }

type Leaf = Node | string | false | null | undefined
type Content = Leaf | readonly Leaf[]
type Child = Content | readonly Content[]

type Listeners = { [E in keyof HTMLElementEventMap as `on${E}`]?: (event: HTMLElementEventMap[E]) => void }
/** By name; one that is false, null or undefined is left out. */
interface Attributes extends Listeners {
  [name: string]: string | number | boolean | null | undefined | ((event: never) => void)
}

interface ShadowRoot {
  /** In Chromium alone. */
  getSelection?(): Selection | null
}
