import type { Client, Demand, Verified } from './index.js'

/** A handler that is called for requests with a good key: of a Next.js route, a Worker, `Bun.serve` or `Deno.serve`. */
export function withApiKey<R extends Request, Rest extends unknown[]>(
  client: Client,
  handler: (request: R, apiKey: Verified, ...rest: Rest) => Response | Promise<Response>,
  demand?: Demand | ((request: R) => Demand),
): (request: R, ...rest: Rest) => Promise<Response>
