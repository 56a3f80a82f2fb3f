import { demandOf } from './core.js'

export function apiKey(client, demand) {
  const of = demandOf(demand)
  return async (request, reply) => {
    const found = await client.verify(request.raw.rawHeaders, { address: request.raw.socket?.remoteAddress, ...of(request) })
    reply.headers(found.headers)
    if (!found.ok) return reply.code(found.status).send(JSON.stringify({ error: found.error }))
    request.apiKey = found
  }
}
