// Pages of other origins can do nothing in the name of a person who is signed in, unless they are trusted.
// `site.url` is of the same site (another port), so that the browser sends the cookie; `site.foreignUrl` is of
// another.
import { strict as assert } from 'node:assert'

import { eventually, test } from './harness.mjs'
import { everythingIn } from './steps.mjs'

const PLACES = { 'another site': site => site.foreignUrl, 'another port': site => site.url }
const site = { '/': '<!doctype html><title>Elsewhere</title>' }
const expected = [/blocked by CORS policy/, /Failed to load resource/, /frame-ancestors/, /Refused to/]

/** Everything somebody has that a call could change. */
async function everything(person) {
  const [keys, events] = await Promise.all([person.keys(), person.events()])
  return { keys, events, account: await person.json('GET', '/api/v1/auth/session') }
}

/** What became of each call that this page can make, by its name. */
function callsFrom(page, server, key) {
  return page.evaluate(async ({ url, key }) => {
    const api = `${url}/api/v1`
    const json = { 'content-type': 'application/json' }
    const name = JSON.stringify({ name: 'Planted' })
    const form = new FormData()
    form.set('name', 'Planted')
    const credentials = JSON.stringify({ email: 'eve@example.com', password: 'correct horse battery' })
    const calls = {
      'list': [`${api}/api-keys`, {}],
      'the page': [`${url}/account/api-keys`, {}],
      'the trail': [`${api}/audit-events`, {}],
      'the session': [`${api}/auth/session`, {}],
      'create, JSON': [`${api}/api-keys`, { method: 'POST', headers: json, body: name }],
      'create, text/plain': [`${api}/api-keys`, { method: 'POST', body: name }],
      'create, urlencoded': [`${api}/api-keys`, { method: 'POST', body: new URLSearchParams({ name: 'Planted' }) }],
      'create, multipart': [`${api}/api-keys`, { method: 'POST', body: form }],
      'create, no-cors': [`${api}/api-keys`, { method: 'POST', mode: 'no-cors', body: name }],
      'rename': [`${api}/api-keys/${key.id}`, { method: 'PATCH', headers: json, body: name }],
      'rotate': [`${api}/api-keys/${key.id}/rotate`, { method: 'POST', mode: 'no-cors' }],
      'revoke': [`${api}/api-keys/${key.id}`, { method: 'DELETE' }],
      'sign out': [`${api}/auth/sign-out`, { method: 'POST', mode: 'no-cors' }],
      'sign up': [`${api}/auth/sign-up`, { method: 'POST', mode: 'no-cors', body: credentials }],
    }
    const outcomes = {}
    for (const [call, [address, options]] of Object.entries(calls)) {
      try {
        const answer = await fetch(address, { credentials: 'include', ...options })
        outcomes[call] = `${answer.status} ${await answer.text()}`
      } catch {
        outcomes[call] = 'refused'
      }
    }
    return outcomes
  }, { url: server.url, key })
}

for (const [place, urlOf] of Object.entries(PLACES)) {
  test(`a page of ${place} can neither read nor change anything by fetch`, async ({ page, person, server, site }) => {
    const key = await person.hasKey('Production')
    const before = await everything(person)
    await page.goto(urlOf(site))
    const outcomes = await callsFrom(page, server, key)
    for (const [call, outcome] of Object.entries(outcomes)) assert.equal(outcome, 'refused', call)
    await page.evaluate(address => navigator.sendBeacon(address, '{"name":"Planted"}'), `${server.url}/api/v1/api-keys`)
    assert.deepEqual(await everything(person), before)
    assert.equal(await person.verify(key.key), 200)
  }, { site, expected })

  for (const enctype of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
    test(`a form of ${place}, sent as ${enctype}, is refused`, async ({ page, person, server, site }) => {
      const { id } = await person.hasKey('Production')
      const before = await everything(person)
      for (const path of ['api-keys', `api-keys/${id}/rotate`, 'auth/sign-in', 'auth/sign-out', 'auth/password']) {
        await page.goto(urlOf(site))
        const answer = page.waitForResponse(`${server.url}/api/v1/${path}`)
        await page.evaluate(send, { action: `${server.url}/api/v1/${path}`, enctype })
        await page.waitForURL(`${server.url}/api/v1/${path}`)
        assert.equal((await answer).status(), 403, path)
      }
      assert.deepEqual(await everything(person), before)
    }, { site, expected })
  }

  test(`a page of ${place} can't include what is answered as a script, a style or a picture`, async ({ page, person, server, site }) => {
    await person.hasKey('Production')
    await page.goto(urlOf(site))
    for (const path of ['/api/v1/api-keys', '/account/api-keys', '/api/v1/audit-events']) {
      const events = await page.evaluate(include, server.url + path)
      assert.deepEqual(events, { script: 'error', module: 'error', style: 'error', picture: 'error', object: 'error' }, path)
    }
  }, { site, expected })

  test(`a page of ${place} can't put the dashboard into a frame`, async ({ page, person, server, site, watch }) => {
    await person.hasKey('Production')
    await page.goto(urlOf(site))
    const paths = ['/account/api-keys', '/sign-in', '/docs', '/api/v1/api-keys']
    await page.evaluate(addresses => {
      const frames = addresses.map(src => Object.assign(document.createElement('iframe'), { src }))
      document.body.replaceChildren(...frames)
    }, paths.map(path => server.url + path))
    const refusals = () => watch.complaints.filter(text => /frame-ancestors 'none'/.test(text))
    await eventually(() => assert.equal(refusals().length, paths.length))
  }, { site, expected })

  test(`a page of ${place} that opens the dashboard sees nothing of it`, async ({ page, person, server, site }) => {
    await person.hasKey('Production')
    await page.goto(urlOf(site))
    const opening = page.waitForEvent('popup')
    await page.evaluate(address => { globalThis.opened = open(address) }, `${server.url}/account/api-keys`)
    const opened = await opening
    await opened.waitForLoadState()
    await eventually(async () => assert.match(await everythingIn(opened), /Production/, 'a link from elsewhere finds the session'))
    assert.equal(await page.evaluate(() => globalThis.opened.closed), true, 'the opener still holds the window')
    assert.equal(await opened.evaluate(() => globalThis.opener), null)
  }, { site, expected })
}

test('a page without an origin can neither call nor send a form', async ({ page, person, server, site }) => {
  await person.hasKey('Production')
  const before = await everything(person)
  await page.goto(site.url)
  const outcome = await page.evaluate(address => new Promise(told => {
    addEventListener('message', ({ data }) => told(data))
    const frame = document.createElement('iframe')
    frame.sandbox = 'allow-scripts allow-forms'
    frame.srcdoc = `<form method="post" enctype="text/plain" action="${address}"><input name='{"name":"' value='"}'></form>
      <script>fetch('${address}', { credentials: 'include' }).then(a => a.text(), () => 'refused').then(outcome => {
        parent.postMessage(outcome, '*')
        document.forms[0].submit()
      })</script>`
    document.body.append(frame)
  }), `${server.url}/api/v1/api-keys`)
  assert.equal(outcome, 'refused')
  await eventually(() => assert.ok(server.log.some(line => /"POST".*"status":403/.test(line)), 'the form arrived and was refused'))
  assert.deepEqual(await everything(person), before)
}, { site, settings: {}, expected })

test('a page of a trusted origin calls with the session, and reads the answers', async ({ page, person, server, site }) => {
  const key = await person.hasKey('Production')
  await page.goto(site.url)
  const outcomes = await callsFrom(page, server, key)
  assert.match(outcomes.list, /^200 \[\{.*"Production"/)
  assert.match(outcomes['create, JSON'], /^201 \{.*"name":"Planted","key":"sk_live_/)
  assert.match(outcomes.rename, /^200 .*"Planted"/)
  assert.match(outcomes.revoke, /^200 \{"success":true\}$/)
  assert.equal(outcomes['the page'], 'refused', 'pages are for nobody else')
  assert.match(outcomes['create, text/plain'], /^415 /)
}, { site, settings: site => ({ LATCHKEY_TRUSTED_ORIGINS: site.url }), expected })

// The rest runs in the page.

function send({ action, enctype }) {
  const form = document.createElement('form')
  Object.assign(form, { method: 'post', action, enctype })
  const field = document.createElement('input')
  Object.assign(field, { name: '{"name":"Planted","x":"', value: '"}' })
  form.append(field)
  document.body.append(form)
  form.submit()
}

async function include(address) {
  const elements = {
    script: ['script', { src: address }],
    module: ['script', { type: 'module', src: address }],
    style: ['link', { rel: 'stylesheet', href: address }],
    picture: ['img', { src: address }],
    object: ['object', { data: address }],
  }
  const events = {}
  for (const [kind, [tag, properties]] of Object.entries(elements)) {
    const element = Object.assign(document.createElement(tag), properties)
    events[kind] = await new Promise(heard => {
      element.onload = element.onerror = event => heard(event.type)
      document.body.append(element)
    })
  }
  return events
}
