import { withApiKey } from 'latchkey-client/fetch.js'
import { latchkey } from 'latchkey-client/index.js'

const said = ({ keyId, owner, name, environment }) => ({ keyId, owner, name, environment })

export default {
  fetch(request, env) {
    const [, upstream, cost] = new URL(request.url).pathname.split('/')
    const client = latchkey(JSON.parse(env.UPSTREAMS)[upstream])
    return withApiKey(client, (_request, apiKey) => Response.json(said(apiKey)), cost && { cost: Number(cost) })(request)
  },
}
