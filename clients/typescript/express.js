import { demandOf } from './core.js'

export function apiKey(client, demand) {
  const of = demandOf(demand)
  return (req, res, next) => {
    const admit = found => {
      for (const [name, value] of Object.entries(found.headers)) res.setHeader(name, value)
      if (!found.ok) {
        res.statusCode = found.status
        return res.end(JSON.stringify({ error: found.error }))
      }
      req.apiKey = found
      next()
    }
    const asked = () => client.verify(req.rawHeaders, { address: req.socket?.remoteAddress, ...of(req) })
    return Promise.resolve().then(asked).then(admit).catch(next)
  }
}
