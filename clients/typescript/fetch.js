import { demandOf } from './core.js'

export function withApiKey(client, handler, demand) {
  const of = demandOf(demand)
  return async (request, ...rest) => {
    const found = await client.verify(request.headers, of(request))
    const { ok, status, error, headers } = found
    if (!ok) return new Response(JSON.stringify({ error }), { status, headers })
    const answer = await handler(request, found, ...rest)
    if (Object.keys(headers).length === 0) return answer
    const copy = new Response(answer.body, answer) // the headers of some answers can't be changed
    for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value)
    return copy
  }
}
