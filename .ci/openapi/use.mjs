// Takes what two generators made of openapi.json and holds a server's answers to it.
//
//   node use.mjs http://127.0.0.1:PORT

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

import * as heyApi from './generated/hey-api/zod.gen.ts'
import * as orval from './generated/orval.ts'

const host = process.argv[2]
const { schemas } = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url))).components
let cookie = ''

async function call(method, path, body, expected) {
  const headers = { cookie, ...(body && { 'content-type': 'application/json' }) }
  const answer = await fetch(host + path, { method, headers, body: body && JSON.stringify(body) })
  assert.equal(answer.status, expected, `${method} ${path}`)
  cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
  return answer.json()
}

/** The body of that name with the document's own examples in it. */
function exampleOf(name) {
  const members = Object.entries(schemas[name].properties).map(([member, schema]) => {
    const reference = schema.$ref ?? schema.oneOf?.find((one) => one.$ref)?.$ref
    const named = reference && schemas[reference.split('/').at(-1)]
    const example = schema.example ?? named?.examples?.[0] ?? named?.enum?.[0] ?? (schema.type === 'boolean' || undefined)
    assert.notEqual(example, undefined, `${name}.${member} has no example`)
    return [member, example]
  })
  return Object.fromEntries(members)
}

const cases = {
  'sign up': [orval.SignUpBody, heyApi.zSignUpBody, orval.SignUpResponse, heyApi.zSignUpResponse],
  create: [orval.CreateApiKeyBody, heyApi.zCreateApiKeyBody, orval.CreateApiKeyResponse, heyApi.zCreateApiKeyResponse],
  change: [orval.ChangeApiKeyBody, heyApi.zChangeApiKeyBody, orval.ChangeApiKeyResponse, heyApi.zChangeApiKeyResponse],
}

/** Sends a body that both accept, and has both accept the answer. */
async function send(name, method, path, body, expected) {
  const [...schemas] = cases[name]
  for (const schema of schemas.slice(0, 2)) assert.deepEqual(schema.parse(body), body, name)
  const answer = await call(method, path, body, expected)
  for (const schema of schemas.slice(2)) assert.deepEqual(schema.parse(answer), answer, name)
  return answer
}

await send('sign up', 'POST', '/api/v1/auth/sign-up', exampleOf('Credentials'), 201)
const made = await send('create', 'POST', '/api/v1/api-keys', exampleOf('CreateBody'), 201)
await send('create', 'POST', '/api/v1/api-keys', { name: 'Prod 🚀 für 東京', environment: 'test' }, 201)
await send('change', 'PATCH', `/api/v1/api-keys/${made.id}`, exampleOf('ChangeBody'), 200)

const list = await call('GET', '/api/v1/api-keys', undefined, 200)
const trail = await call('GET', `/api/v1/audit-events?limit=2`, undefined, 200)
assert.equal(list.length, 2)
for (const [schema, answer] of [
  [orval.ListApiKeysResponse, list],
  [heyApi.zListApiKeysResponse, list],
  [orval.ListAuditEventsResponse, trail],
  [heyApi.zListAuditEventsResponse, trail],
]) assert.deepEqual(schema.parse(answer), answer)

// They refuse as well, or the above would prove nothing.
for (const schema of [orval.ListApiKeysResponse, heyApi.zListApiKeysResponse]) {
  assert(!schema.safeParse([{ ...list[0], createdAt: 'yesterday' }]).success)
  assert(!schema.safeParse([{ ...list[0], environment: 'staging' }]).success)
}
for (const schema of [orval.CreateApiKeyBody, heyApi.zCreateApiKeyBody]) {
  assert(!schema.safeParse({ name: 'x'.repeat(101) }).success)
  assert(!schema.safeParse({}).success)
}
console.log('openapi: what orval and hey-api made of it takes what the server answers')
