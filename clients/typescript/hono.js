import { demandOf } from './core.js'

export function apiKey(client, demand) {
  const of = demandOf(demand)
  return async (c, next) => {
    const found = await client.verify(c.req.raw.headers, of(c))
    if (!found.ok) return c.body(JSON.stringify({ error: found.error }), found.status, found.headers)
    c.set('apiKey', found)
    await next()
    for (const [name, value] of Object.entries(found.headers)) c.header(name, value)
  }
}
