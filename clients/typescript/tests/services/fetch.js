// The same handler in Bun and in Deno.
import { withApiKey } from 'latchkey-client/fetch'
import { clients, listening, said } from './told.js'

const handlers = clients.map(client => withApiKey(client, (request, apiKey) => Response.json(said(apiKey))))
const fetch = request => handlers[Number(new URL(request.url).pathname.slice(1))](request)

if (globalThis.Bun) listening(globalThis.Bun.serve({ port: 0, hostname: '127.0.0.1', fetch }).port)
else globalThis.Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: ({ port }) => listening(port) }, fetch)
