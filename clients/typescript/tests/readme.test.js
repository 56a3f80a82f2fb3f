// The README's programs, as they stand but for the ports.
import { strict as assert } from 'node:assert'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { away, makeKeys, start, startLatchkey } from './world.js'

const latchkey = await startLatchkey(process.env.LATCHKEY)
after(() => latchkey.stop())
const keys = await makeKeys(latchkey.url)
const blocks = [...readFileSync(new URL('../README.md', import.meta.url), 'utf8').matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code)

for (const framework of ['express', 'fastify', 'hono']) {
  it(`the README's service on ${framework} runs`, async () => {
    const url = await away()
    const code = blocks.find(each => each.includes(`latchkey-client/${framework}`))
    const file = fileURLToPath(new URL(`readme-${framework}.js`, import.meta.url))
    const ready = "\nconsole.log('listening on 1')\n"
    writeFileSync(file, code.replaceAll('http://127.0.0.1:8080', latchkey.url).replaceAll('3000', new URL(url).port) + ready)
    after(() => rmSync(file))
    const service = await start(process.execPath, [file], {})
    after(() => service.stop())
    // "localhost" of some frameworks is [::1]
    const ask = async headers => {
      for (let i = 0; ; i++) {
        const answer = await fetch(url.replace('127.0.0.1', 'localhost'), { headers }).catch(error => (i < 50 ? undefined : assert.fail(error)))
        if (answer) return answer
        await pause(50)
      }
    }
    assert.equal((await ask({})).status, 401)
    assert.deepEqual(await (await ask({ 'x-api-key': keys.live.text })).json(), { owner: keys.live.ownerId })
  })
}
