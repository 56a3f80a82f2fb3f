// @ts-check
// Programs that are made of a request, run by the languages that are on this machine.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'

import { LANGUAGES, codeIn, requestFrom } from '../../assets/languages.js'

const execute = promisify(execFile)
const KEY = 'sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7'
/** Everything that means something in one of the languages. */
const NASTY = `'"\`\\ $HOME \${HOME} $(id) #{1} #$0 %s %d ! \\n \\u0041 */ // -- ?> <?php """ ''' {a,b} [1-3] & | ; < >`
const HIDDEN = 'one\ntwo\r\nthree\tfour\u2028five\u202e six \ufeff\u200b 😀 é 鍵 \u{e0001}'

/** @type {{ method?: string, path?: string, headers: NodeJS.Dict<string | string[]>, body: string }[]} */
const received = []
let base = ''
const folder = mkdtempSync(join(tmpdir(), 'latchkey-languages-'))

const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  received.push({ method: request.method, path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() })
  response.end('the answer')
})
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  base = `http://127.0.0.1:${address && typeof address === 'object' ? address.port : ''}`
})
after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** How each language runs a file. @type {{ [language: string]: { probe: string[], file: string, run: string[] } }} */
const RUNNERS = {
  curl: { probe: ['curl', '--version'], file: 'it.sh', run: ['sh'] },
  JavaScript: { probe: ['node', '--version'], file: 'it.mjs', run: ['node'] },
  Python: { probe: ['python3', '-c', 'import requests'], file: 'it.py', run: ['python3'] },
  Go: { probe: ['go', 'version'], file: 'it.go', run: ['go', 'run'] },
  PHP: { probe: ['php', '-r', 'curl_init();'], file: 'it.php', run: ['php'] },
  Ruby: { probe: ['ruby', '--version'], file: 'it.rb', run: ['ruby'] },
}

/** @param {string[]} command */
function works([program, ...rest]) {
  try {
    execFileSync(program, rest, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Runs the program that is made of `request`; what it printed, and what the server got. @param {string} language @param {ExampleRequest} request */
async function send(language, request) {
  const { file, run: [program, ...rest] } = RUNNERS[language]
  const path = join(folder, file)
  writeFileSync(path, codeIn(language, request))
  received.length = 0
  const env = { ...process.env, SOME_API_KEY: KEY, http_proxy: '', all_proxy: '' }
  const { stdout } = await execute(program, [...rest, path], { cwd: folder, env })
  assert.equal(received.length, 1, `${language} sends one request`)
  return { stdout, got: received[0] }
}

test('there is code for six languages', () => {
  assert.deepEqual(LANGUAGES, ['curl', 'JavaScript', 'Python', 'Go', 'PHP', 'Ruby'])
  assert.deepEqual(Object.keys(RUNNERS), LANGUAGES)
})

for (const language of LANGUAGES) {
  const options = works(RUNNERS[language].probe) ? {} : { skip: `${language} is not on this machine` }

  test(`${language} takes the key from the environment, and prints the answer`, options, async () => {
    const { stdout, got } = await send(language, { method: 'GET', url: `${base}/v1/verify?scope=docs:read`, headers: { 'x-api-key': { variable: 'SOME_API_KEY' } } })
    assert.match(stdout, /the answer/)
    assert.deepEqual([got.method, got.path, got.body, got.headers['x-api-key']], ['GET', '/v1/verify?scope=docs:read', '', KEY])
  })

  test(`${language} sends the method, the key and the body exactly`, options, async () => {
    for (const [method, body] of [['POST', `{"text":${JSON.stringify(NASTY)}}`], ['PUT', `@${NASTY}${HIDDEN}`], ['PATCH', HIDDEN]]) {
      const headers = { Authorization: { variable: 'SOME_API_KEY', before: 'Bearer ' }, 'x-api-key': KEY, 'content-type': 'application/json', 'x-nasty': NASTY }
      const { stdout, got } = await send(language, { method, url: `${base}/a`, headers, body })
      assert.match(stdout, /the answer/)
      assert.deepEqual([got.method, got.path, got.body], [method, '/a', body])
      assert.equal(got.headers.authorization, `Bearer ${KEY}`)
      assert.deepEqual([got.headers['x-api-key'], got.headers['content-type'], got.headers['x-nasty']], [KEY, 'application/json', NASTY])
    }
  })

  test(`${language} sends requests without headers, and every address`, options, async () => {
    for (const method of ['DELETE', 'HEAD']) {
      const { got } = await send(language, { method, url: base })
      assert.deepEqual([got.method, got.path, got.body], [method, '/', ''])
    }
    const url = `${base}/it's/"a"/$HOME/\`id\`/%20|é/{a,b}/[1-3]?q=${encodeURIComponent(NASTY)}&r=$HOME'[1-3]{a,b}"%`
    const { got } = await send(language, { method: 'GET', url, headers: { 'x-nasty': { variable: 'SOME_API_KEY', before: `$(id) "'\\` } } })
    assert.equal(decodeURIComponent(`${got.path}`), `/it's/"a"/$HOME/\`id\`/ |é/{a,b}/[1-3]?q=${NASTY}&r=$HOME'[1-3]{a,b}"%`)
    assert.equal(got.headers['x-nasty'], `$(id) "'\\${KEY}`)
  })
}

test('code is as people write it', () => {
  const request = { method: 'POST', url: 'https://api.example.com/v1/shots', headers: { 'x-api-key': { variable: 'SOME_API_KEY' }, 'content-type': 'application/json' }, body: '{"url":"https://example.com"}' }
  assert.equal(codeIn('curl', request), `curl -X POST https://api.example.com/v1/shots \\
  -H "x-api-key: $SOME_API_KEY" \\
  -H 'content-type: application/json' \\
  -d '{"url":"https://example.com"}'`)
  assert.equal(codeIn('Python', request), `import os

import requests

response = requests.post(
    "https://api.example.com/v1/shots",
    headers={
        "x-api-key": os.environ["SOME_API_KEY"],
        "content-type": "application/json",
    },
    data='{"url":"https://example.com"}',
)
print(response.status_code, response.text)`)
})

test('what no program could send is refused', () => {
  const json = { 'content-type': 'application/json' }
  /** @type {[ExampleRequest, RegExp][]} */
  const refused = [
    [{ method: 'BREW', url: 'https://api.example.com/' }, /method/],
    [{ method: 'GET', url: 'ftp://api.example.com/' }, /address/],
    [{ method: 'GET', url: 'https://user:word@api.example.com/' }, /address/],
    [{ method: 'GET', url: '/v1' }, /URL/],
    [{ method: 'GET', url: 'https://api.example.com/', headers: { 'x-a': 'one\r\nx-b: two' } }, /header/],
    [{ method: 'GET', url: 'https://api.example.com/', headers: { 'x-a: b': 'c' } }, /header/],
    [{ method: 'GET', url: 'https://api.example.com/', headers: { 'x-a': { variable: 'A}"; id; "' } } }, /variable/],
    [{ method: 'GET', url: 'https://api.example.com/', headers: json, body: '{}' }, /body/],
    [{ method: 'POST', url: 'https://api.example.com/', body: '{}' }, /content type/],
    [{ method: 'POST', url: 'https://api.example.com/', headers: json, body: '\0' }, /no text/],
    [{ method: 'POST', url: 'https://api.example.com/', headers: json, body: '\ud800' }, /no text/],
  ]
  for (const [request, why] of refused) for (const language of LANGUAGES) assert.throws(() => codeIn(language, request), why)
})

test('a request is read from a line', () => {
  assert.deepEqual(requestFrom('GET https://api.example.com/v1/me'), { method: 'GET', url: 'https://api.example.com/v1/me' })
  assert.deepEqual(requestFrom(' POST  https://api.example.com/v1/shots  {"a": [1, 2]}\n'), {
    method: 'POST', url: 'https://api.example.com/v1/shots', headers: { 'content-type': 'application/json' }, body: '{"a": [1, 2]}',
  })
  for (const bad of ['', 'GET', 'https://api.example.com/', 'BREW https://api.example.com/', 'get https://api.example.com/', 'GET /v1', 'GET https://api.example.com/ {}',
    'POST https://api.example.com/ {a}', 'POST ftp://api.example.com/ {}']) assert.throws(() => requestFrom(bad), bad)
})
