import { withApiKey } from 'latchkey-client/next'
import { clients, said } from '../../../told.js'

export async function GET(request, context) {
  const { upstream } = await context.params
  return withApiKey(clients[upstream], (_request, apiKey) => Response.json(said(apiKey)))(request)
}
