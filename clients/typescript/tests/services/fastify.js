import Fastify from 'fastify'
import { apiKey } from 'latchkey-client/fastify'
import { listening, routes, said } from './told.js'

const app = Fastify()
routes.forEach(({ path, client, demand }) => app.get(path, { onRequest: apiKey(client, demand) }, async request => said(request.apiKey)))
await app.listen({ port: 0, host: '127.0.0.1' })
listening(app.server.address().port)
