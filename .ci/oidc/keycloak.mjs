// Runs the recipe for Keycloak of docs/identity-providers.md with Keycloak itself, which has the realm of realm.json.
//
//   keycloak.mjs path/to/latchkey directory address-of-keycloak
import { expect, fail, Latchkey, ofProgram, PRODUCT, recipe, signIn } from './world.mjs'

const [binary, work, keycloak] = process.argv.slice(2)
const { settings, teams } = recipe('Keycloak')
const { origin } = new URL(settings.LATCHKEY_JWT_ISSUER)
for (const name of ['LATCHKEY_JWT_ISSUER', 'LATCHKEY_JWT_KEYS']) settings[name] = settings[name].replace(origin, keycloak)
const issuer = settings.LATCHKEY_JWT_ISSUER

/** A signing key of higher priority, by Keycloak's own API. */
async function rotate() {
  const call = async (path, body, headers = {}) => {
    const answer = await fetch(`${keycloak}${path}`, { method: 'POST', body, headers })
    return answer.ok ? answer : fail(`${path}: ${answer.status} ${await answer.text()}`)
  }
  const form = { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' }
  const { access_token: token } = await (await call('/realms/master/protocol/openid-connect/token', new URLSearchParams(form))).json()
  const component = {
    name: 'next', providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', config: { priority: ['200'] },
  }
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  await call('/admin/realms/example/components', JSON.stringify(component), headers)
}

const claims = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
const header = token => JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))
const tokens = client => signIn(issuer, { ...PRODUCT, ...client }, 'ada')
const server = await Latchkey.start(binary, work, settings)
const ofTeams = await Latchkey.start(binary, work, { ...settings, LATCHKEY_JWT_OWNER_CLAIM: teams })
try {
  const { access_token: token, id_token: idToken } = await tokens({})
  console.log('Keycloak')
  const { sub } = claims(token)
  await server.serves('the access token', token, sub)
  await server.refuses('the ID token', idToken, 'another audience')
  const without = (await tokens({ id: 'without-mapper' })).access_token
  expect('the audience without the mapper', claims(without).aud, 'account')
  await server.refuses('the access token of a client without the mapper', without, 'another audience')
  await ofTeams.serves(`by ${teams}`, token, 'acme')
  const program = (await ofProgram(issuer, PRODUCT)).access_token
  await server.serves('a program', program, claims(program).sub)
  await ofTeams.refuses('a program', program, "the owner's claim is no owner")
  await rotate()
  const next = (await tokens({})).access_token
  expect('that the key is another', header(next).kid !== header(token).kid, true)
  await server.serves('one by a new key', next, sub)
} finally {
  await server.stop()
  await ofTeams.stop()
}
