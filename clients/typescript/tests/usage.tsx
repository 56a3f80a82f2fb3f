// What a user writes, for tsc.
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { NextRequest } from 'next/server'
import { useRef } from 'react'
import { latchkey, type Verified } from 'latchkey-client'
import { apiKey } from 'latchkey-client/express'
import { apiKey as fastifyApiKey } from 'latchkey-client/fastify'
import { apiKey as honoApiKey } from 'latchkey-client/hono'
import { ManageError, management } from 'latchkey-client/manage'
import { withApiKey } from 'latchkey-client/next'
import type { ApiKeysPanel } from 'latchkey-client/panel'
import { ApiKeys } from 'latchkey-client/panel/react'

const client = latchkey('http://127.0.0.1:8080', { timeout: 500 })

const found = await client.verify(new Headers())
if (found.ok) {
  const { owner, environment, scopes }: Verified = found
  console.log(owner, environment === 'live', scopes?.includes('docs:read'))
} else if (found.over === 'rate') {
  console.log(found.retryAfter?.toFixed())
} else if (found.status === 503) {
  console.log(found.error, found.headers['retry-after'])
}
// @ts-expect-error a refusal has no owner
console.log((await client.verify('sk_live_…')).owner)

const app = express()
app.use(apiKey(client))
app.get('/', apiKey(client, req => ({ scope: ['docs:read', 'a|b'], address: req.ip ?? '' })), (req, res) => {
  res.json({ owner: req.apiKey?.owner })
})

const fastify = Fastify()
fastify.addHook('onRequest', fastifyApiKey(client, { cost: 3 }))
fastify.get<{ Params: { id: string } }>('/:id', { onRequest: fastifyApiKey(client, request => ({ address: request.ip })) }, async request => {
  return { id: request.params.id, owner: request.apiKey?.owner }
})

const hono = new Hono().use(honoApiKey(client)).get('/', c => c.json({ owner: c.get('apiKey').owner }))
console.log(hono)

export const GET = withApiKey(client, async (request: NextRequest, key, context: { params: Promise<{ id: string }> }) => {
  const { id } = await context.params
  return Response.json({ id, owner: key.owner, path: request.nextUrl.pathname })
})
export default { fetch: withApiKey(client, (_request: Request, key, env: { GREETING: string }) => new Response(env.GREETING + key.name)) }

const keys = management('http://127.0.0.1:8080', process.env.LATCHKEY_TOKEN ?? '')
const ada = keys.owner('auth0|ada')
const { id, key } = await ada.create({ name: 'Production', environment: 'live', metadata: { plan: 'pro' } })
console.log(key, (await ada.rotate(id, { overlapSeconds: 0 })).replaces)
for await (const each of keys.search({ owner: 'auth0|ada', status: 'active' })) console.log(each.ownerId, each.revokedAt)
// @ts-expect-error at least one of the two is needed
await keys.revokeAll({})
await keys.revokeAll({ createdBy: 'bob' })
await ada.revoke(id).catch((error: unknown) => {
  if (error instanceof ManageError && error.code === 'key_not_found') return
  throw error
})

export function Panel() {
  const panel = useRef<ApiKeysPanel>(null)
  return (
    <api-keys-panel ref={panel} api-base="https://keys.example.com" limit={20} getToken={async () => 'a.b.c'} onapi-keys-changed={e => console.log(e.detail.action)} />
  )
}
export function Component() {
  const panel = useRef<ApiKeysPanel>(null)
  return (
    <ApiKeys ref={panel} apiBase="https://keys.example.com" perPage={10} hideHeader environments="off" getToken={async () => 'a.b.c'}
      onCreated={event => console.log(event.detail.keyPrefix)} onBeforeCreate={event => event.waitUntil(Promise.resolve(event.detail.name))}>
      <p slot="empty">None</p>
    </ApiKeys>
  )
}
// @ts-expect-error api-base is required
console.log(<api-keys-panel />)
// @ts-expect-error apiBase is required
console.log(<ApiKeys />)
// @ts-expect-error there is no such event
console.log(<ApiKeys apiBase="" onSomething={() => 1} />)
const element = document.querySelector('api-keys-panel')
console.log(element?.getToken)
element?.addEventListener('api-keys-revoked', event => console.log(event.detail.name))
element?.openCreate({ name: 'Production' })
await element?.refresh()
