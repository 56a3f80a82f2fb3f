import { demandOf } from './core.js'

export const apiKey = (client, demand) => async (request, reply) => {
  const found = await client.verify(request.raw.rawHeaders, { address: request.raw.socket?.remoteAddress, ...demandOf(demand, request) })
  reply.headers(found.headers)
  if (!found.ok) return reply.code(found.status).send(JSON.stringify({ error: found.error }))
  request.apiKey = found
}
