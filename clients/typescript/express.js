import { demandOf } from './core.js'

export const apiKey = (client, demand) => (req, res, next) => {
  const admit = found => {
    for (const [name, value] of Object.entries(found.headers)) res.setHeader(name, value)
    if (!found.ok) {
      res.statusCode = found.status
      return res.end(JSON.stringify({ error: found.error }))
    }
    req.apiKey = found
    next()
  }
  return Promise.resolve().then(() => client.verify(req.rawHeaders, demandOf(demand, req))).then(admit).catch(next)
}
