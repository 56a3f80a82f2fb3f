import type { Context, MiddlewareHandler } from 'hono'
import type { Client, Demand, Verified } from './index.js'

/** Admits requests with a good key, which is then `c.get('apiKey')`. */
export function apiKey(
  client: Client,
  demand?: Demand | ((c: Context) => Demand),
): MiddlewareHandler<{ Variables: { apiKey: Verified } }>
