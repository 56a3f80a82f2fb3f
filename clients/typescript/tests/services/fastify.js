import Fastify from 'fastify'
import { apiKey } from 'latchkey-client/fastify'
import { clients, listening, said } from './told.js'

const app = Fastify()
clients.forEach((client, i) => app.get(`/${i}`, { onRequest: apiKey(client) }, async request => said(request.apiKey)))
await app.listen({ port: 0, host: '127.0.0.1' })
listening(app.server.address().port)
