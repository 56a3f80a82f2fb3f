import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { apiKey } from 'latchkey-client/hono'
import { listening, routes, said } from './told.js'

const app = new Hono()
routes.forEach(({ path, client, demand }) => app.get(path, apiKey(client, demand), c => c.json(said(c.get('apiKey')))))
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => listening(port))
