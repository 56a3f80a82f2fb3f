import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Client, Demand, Verified } from './index.js'

declare global {
  namespace Express {
    interface Request {
      apiKey?: Verified
    }
  }
}

/** Admits requests with a good key, which is then `req.apiKey`. */
export function apiKey<R extends IncomingMessage = import('express').Request>(
  client: Client,
  demand?: Demand | ((req: R) => Demand),
): (req: R & { apiKey?: Verified }, res: ServerResponse, next: (error?: unknown) => void) => Promise<void>
