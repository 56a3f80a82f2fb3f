/** Other values may come with later releases. */
export type Environment = 'live' | 'test' | (string & {})

/** What Latchkey says of a good key. */
export interface Verified {
  ok: true
  keyId: string
  owner: string
  name: string
  keyPrefix: string
  environment: Environment
  /** RFC 3339; null where the key does not expire. */
  expiresAt: string | null
  metadata: Record<string, unknown>
  /** Null where the key is not restricted. */
  scopes: string[] | null
  /** For the answer to the caller: `ratelimit` and `ratelimit-policy`, where the key has limits. */
  headers: Record<string, string>
}

/** What to answer instead: `headers`, and the body `{"error": error}`. */
export interface Refused {
  ok: false
  /** 503 where nobody can say whether the key is good. */
  status: 401 | 403 | 429 | 503
  error: string
  /** Among them `x-error-code`, for programs. */
  headers: Record<string, string>
  /** Which budget of the key has no room, where that is why: a limit, or its credits. */
  over?: 'rate' | 'credits'
  /** Where a limit is used up: in how many seconds there is room again. */
  retryAfter?: number
}

export interface Demand {
  /** All of these scopes; `'a|b'` is met by either. */
  scope?: string | string[]
  /** What the call costs of the key's budgets: 0 to 1,000,000, and 1 unless told otherwise. 0 asks whether there is any room. */
  cost?: number
  /**
   * The caller's address as your service knows it, for keys of certain networks; an `X-Forwarded-For` of the request goes before it.
   * Latchkey believes both from its `LATCHKEY_TRUSTED_PROXIES`. Without an address such keys are refused. Express and Fastify
   * say that of the connection, unless told otherwise.
   */
  address?: string
}

/** The headers of a request: Fetch `Headers`, Node's `rawHeaders`, or an object. */
export type Presented = { get(name: string): string | null } | string[] | Record<string, string | string[] | undefined>

export interface Client {
  /**
   * Keeps no answer: a revoked key is refused by the next call. Never rejects, unless the demand names a cost that is none: a RangeError.
   * @param from headers, or a key alone
   */
  verify(from: Presented | string, demand?: Demand): Promise<Verified | Refused>
}

export interface Options {
  /** Milliseconds for the whole of a verification. Default 2000. */
  timeout?: number
  /** Not with a Unix socket. */
  fetch?: typeof globalThis.fetch
  /** Told why a key was answered 503, which is logged by default. The error never holds the key. */
  onUnavailable?(error: Error): void
}

/** A client of the Latchkey at `url`, which may have a path, or `unix:/path` in Node, Bun and Deno. Keys travel as they are: use https beyond your own network. */
export function latchkey(url: string, options?: Options): Client

/**
 * What to answer where a key lacks a scope, or each of several: `'docs:read|admin'`. Undefined: it has one. For handlers that find out
 * later what a call needs. Throws a TypeError where the text is no requirement: scopes joined by `|`, without `*`.
 */
export function requireScope(found: Verified, requirement: string): Refused | undefined
