import { withApiKey } from 'latchkey-client/next'
import { routes, said } from '../../../../told.js'

export async function GET(request, context) {
  const { upstream, cost = [] } = await context.params
  const { client, demand } = routes.find(({ path }) => path === `/${[upstream, ...cost].join('/')}`)
  return withApiKey(client, (_request, apiKey) => Response.json(said(apiKey)), demand)(request)
}
