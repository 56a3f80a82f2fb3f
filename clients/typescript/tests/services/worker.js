import { withApiKey } from 'latchkey-client/fetch.js'
import { latchkey } from 'latchkey-client/index.js'

const said = ({ keyId, owner, name, environment }) => ({ keyId, owner, name, environment })

export default {
  fetch(request, env) {
    const client = latchkey(JSON.parse(env.UPSTREAMS)[new URL(request.url).pathname.slice(1)])
    return withApiKey(client, (_request, apiKey) => Response.json(said(apiKey)))(request)
  },
}
