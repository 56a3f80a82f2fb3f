import type { Environment } from './index.js'

/** How much may be used in each window of the calendar, in UTC. */
export interface Limit {
  limit: number
  every: 'second' | 'minute' | 'hour' | 'day' | 'month'
}

/** Times are RFC 3339. Members that a release of Latchkey does not know are refused by it. */
export interface NewKey {
  name: string
  environment?: Environment
  expiresAt?: string | null
  metadata?: Record<string, unknown>
  scopes?: string[] | null
  allowedNetworks?: string[] | null
  /** At most one for each `every`. */
  limits?: Limit[] | null
  /** Null: they are not counted. */
  credits?: number | null
  /** Who makes it, for `search` and `revokeAll`; the token unless told otherwise. */
  createdBy?: string
}

export interface IssuedKey {
  id: string
  name: string
  /** The key itself, in this answer and never again. */
  key: string
  keyPrefix: string
  createdAt: string
  environment: Environment
  expiresAt: string | null
}

export interface Key {
  id: string
  name: string
  keyPrefix: string
  lastUsedAt: string | null
  createdAt: string
  environment: Environment
  enabled: boolean
  expiresAt: string | null
  replacedBy: string | null
  createdBy: string | null
  metadata: Record<string, unknown>
  scopes?: string[] | null
  allowedNetworks?: string[] | null
  limits?: Limit[] | null
  /** How many are left, as the database has it; null: they are not counted. */
  credits?: number | null
  /** Accepted calls of each of the last 30 days in UTC, today last; where `include` asks for it. */
  usage?: number[]
}

export type Changes = Partial<Pick<Key, 'name' | 'enabled' | 'expiresAt' | 'metadata' | 'scopes' | 'allowedNetworks' | 'limits'>>

export interface FoundKey extends Key {
  ownerId: string
  revokedAt: string | null
}

export interface Search {
  owner?: string
  createdBy?: string
  environment?: Environment
  /** All but revoked unless told otherwise. */
  status?: 'active' | 'disabled' | 'expired' | 'replaced' | 'revoked'
  keyPrefix?: string
  /** Part of the name. */
  q?: string
  unusedSince?: string
  /** Keys in a page, 1 to 200. */
  limit?: number
  after?: string
}

export interface OwnerSettings {
  /** Null: the server's own limit. */
  maxKeys: number | null
  suspended: boolean
  /** Of all keys together; left out, they stay. */
  limits?: Limit[] | null
}

export interface OwnerState extends OwnerSettings {
  owner: string
  /** Those that count towards `maxKeys`. */
  keys: number
  /** How many are left for all keys together; null: they are not counted. */
  credits?: number | null
}

/** By default the last 30 days, by the day. */
export interface Period {
  by?: 'hour' | 'day'
  from?: string
  to?: string
}

export type RefusalReason = 'disabled' | 'expired' | 'revoked' | 'suspended' | 'network' | 'scope' | 'rate' | 'credits'

/** The hours or days in UTC that have something, ascending. */
export interface Usage {
  by: 'hour' | 'day'
  items: { start: string; accepted: number; cost: number; refused: Partial<Record<RefusalReason, number>> }[]
}

/** A refused call. */
export interface KeyRefusal {
  at: string
  reason: RefusalReason
  address: string | null
  requestId: string | null
  /** The scopes that the call required. */
  required: string | null
}

/** A scope that keys may be given. */
export interface CataloguedScope {
  name: string
  description: string
  group: string | null
  /** A key has it that is created without `scopes`. */
  default: boolean
  /** Management tokens and operators alone give it. */
  restricted: boolean
}

export interface AuditEvent {
  id: string
  at: string
  action: string
  ownerId: string | null
  keyId: string | null
  keyIds: string[] | null
  actor: string
  address: string | null
  userAgent: string | null
  requestId: string | null
  keyName: string | null
  keyPrefix: string | null
  /** Of each member that changed, what was before and after; `stranded` is a number alone. */
  changes: ({ stranded?: number } & Record<string, unknown>) | null
}

/** The keys of one owner: visible ASCII of your choice, 1 to 255 characters. */
export interface Owner {
  create(key: NewKey): Promise<IssuedKey>
  /** `include: 'usage'` takes the right `usage:read` too. */
  list(query?: { status?: 'revoked'; include?: 'usage' }): Promise<Key[]>
  get(keyId: string): Promise<Key>
  change(keyId: string, changes: Changes): Promise<Key>
  rotate(keyId: string, how?: { overlapSeconds?: number; createdBy?: string }): Promise<IssuedKey & { replaces: string }>
  /** When it returns, every instance refuses the key. */
  revoke(keyId: string): Promise<void>
  /** Adds credits, or takes them where the number is negative; with null they are not counted any more. */
  addCredits(keyId: string, add: number | null): Promise<Key>
  /** Of a key, revoked or not; with the right `usage:read`, as the next two. */
  usage(keyId: string, period?: Period): Promise<Usage>
  /** The last 20, newest first. */
  refusals(keyId: string): Promise<KeyRefusal[]>
  /** Of all keys together. */
  usageOfAll(period?: Period): Promise<Usage>
  settings(): Promise<OwnerState>
  set(settings: OwnerSettings): Promise<OwnerState>
  /** The same for the credits that all keys share. */
  addSharedCredits(add: number | null): Promise<OwnerState>
}

export interface Management {
  owner(id: string): Owner
  /** Keys of all owners, newest first; asks for the next page when it is reached. */
  search(query?: Search): AsyncGenerator<FoundKey, void, undefined>
  /** The ids of the keys that it revoked: all of an owner, or all that somebody made. */
  revokeAll(of: { owner: string; createdBy?: string } | { createdBy: string }): Promise<string[]>
  /** The catalogue of scopes; empty where every scope may be given. */
  scopes(): Promise<CataloguedScope[]>
  auditEvents(query?: { owner?: string; keyId?: string; action?: string; limit?: number; before?: string }): Promise<AuditEvent[]>
}

/** A call that failed. It never holds the token. */
export class ManageError extends Error {
  /** Of the answer; 0 where none came, and the change may have been made or not. */
  readonly status: number
  /** `X-Error-Code` of the answer; `unreachable` where none came. */
  readonly code: string
}

/** Manages keys for your own users, with a token of `latchkey token create`. `timeout` is in milliseconds, 10000 by default. */
export function management(url: string, token: string, options?: { timeout?: number; fetch?: typeof globalThis.fetch }): Management
