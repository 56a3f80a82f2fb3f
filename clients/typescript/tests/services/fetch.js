// The same handler in Bun and in Deno.
import { withApiKey } from 'latchkey-client/fetch'
import { listening, routes, said } from './told.js'

const answer = (request, apiKey) => Response.json(said(apiKey))
const handlers = Object.fromEntries(routes.map(({ path, client, demand }) => [path, withApiKey(client, answer, demand)]))
const fetch = request => handlers[new URL(request.url).pathname](request)

if (globalThis.Bun) listening(globalThis.Bun.serve({ port: 0, hostname: '127.0.0.1', fetch }).port)
else globalThis.Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: ({ port }) => listening(port) }, fetch)
