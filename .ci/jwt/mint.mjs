// Signs what standard input asks for with jose: {"keys": {kid: private JWK}, "tokens": [{kid, header, claims}]},
// and answers the tokens as a JSON array. A kid "secret" is the text of a shared secret.
import { readFileSync } from 'node:fs'
import { CompactEncrypt, SignJWT, UnsecuredJWT, importJWK } from 'jose'

const { keys, tokens } = JSON.parse(readFileSync(0, 'utf8'))
const bytes = text => new TextEncoder().encode(text)

async function mint({ kid, header, claims }) {
  if (header.alg === 'none') return new UnsecuredJWT(claims).encode()
  if (header.enc) return new CompactEncrypt(bytes(JSON.stringify(claims))).setProtectedHeader(header).encrypt(bytes(keys.secret).slice(0, 32))
  const key = kid === 'secret' ? bytes(keys.secret) : await importJWK(keys[kid], header.alg)
  return new SignJWT(claims).setProtectedHeader(header).sign(key)
}

console.log(JSON.stringify(await Promise.all(tokens.map(mint))))
