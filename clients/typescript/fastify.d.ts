import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Client, Demand, Verified } from './index.js'

declare module 'fastify' {
  interface FastifyRequest {
    apiKey?: Verified
  }
}

/** An `onRequest` hook that admits requests with a good key, which is then `request.apiKey`. */
export function apiKey(
  client: Client,
  demand?: Demand | ((request: FastifyRequest) => Demand),
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
