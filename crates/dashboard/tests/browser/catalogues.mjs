// Catalogues of scopes, for servers of the tests.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const scope = (name, description, more = '') => `[[scope]]\nname = "${name}"\ndescription = "${description}"\n${more}\n`
/** Scopes that everybody gives. */
export const PLAIN = [
  scope('docs:read', 'Read documents', 'group = "Documents"\ndefault = true'),
  scope('docs:write', 'Change documents', 'group = "Documents"'),
  scope('reports:read', 'Read reports'),
]
const RESTRICTED = [...PLAIN, scope('billing:pay', 'Pay invoices', 'group = "Billing"\nrestricted = true')]

const folder = mkdtempSync(join(tmpdir(), 'latchkey-scopes-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Settings of a server with these scopes. */
export function withScopes(name, scopes) {
  const file = join(folder, `${name}.toml`)
  writeFileSync(file, scopes.join('\n'))
  return { LATCHKEY_SCOPES_FILE: file }
}
export const plain = withScopes('plain', PLAIN)
/** With one that only the operator gives. */
export const restricted = withScopes('restricted', RESTRICTED)
/** With more than a key may have. */
export const many = withScopes('many', [...PLAIN, ...Array.from({ length: 66 }, (_, number) => scope(`org:part${number}:read`, `Read part ${number}`, 'group = "Organisation"'))])
