import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { apiKey } from 'latchkey-client/hono'
import { clients, listening, said } from './told.js'

const app = new Hono()
clients.forEach((client, i) => app.get(`/${i}`, apiKey(client), c => c.json(said(c.get('apiKey')))))
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => listening(port))
