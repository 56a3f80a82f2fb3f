import { apiKey } from 'latchkey-client/express'
import { listening, routes, said } from './told.js'

const { default: express } = await import(process.argv[2] ?? 'express')
const app = express()
routes.forEach(({ path, client, demand }) => app.get(path, apiKey(client, demand), (req, res) => res.json(said(req.apiKey))))
const server = app.listen(0, '127.0.0.1', () => listening(server.address().port))
