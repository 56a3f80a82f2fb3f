import { apiKey } from 'latchkey-client/express'
import { clients, listening, said } from './told.js'

const { default: express } = await import(process.argv[2] ?? 'express')
const app = express()
clients.forEach((client, i) => app.get(`/${i}`, apiKey(client), (req, res) => res.json(said(req.apiKey))))
const server = app.listen(0, '127.0.0.1', () => listening(server.address().port))
