// @ts-check
import { strict as assert } from 'node:assert'

let people = 0
const nextAddress = () => `ada${people += 1}@example.com`

/** Somebody with an account, who calls the API as a program with the session cookie does. */
/** @import { Server } from './servers.mjs' */

export class Person {
  session = ''

  /** @param {Server} server @param {string} email */
  constructor(server, email) {
    this.server = server
    this.email = email
    this.password = 'correct horse battery staple'
  }

  /** @param {Server} server */
  static async signUp(server, email = nextAddress()) {
    const person = new Person(server, email)
    await person.open('sign-up')
    return person
  }

  /** A session by signing up or in. @param {'sign-up' | 'sign-in'} way */
  async open(way) {
    const answer = await this.call('POST', `/api/v1/auth/${way}`, {
      email: this.email,
      password: this.password,
    })
    assert.ok(answer.ok, `${way} was answered with ${answer.status}`)
    this.session = /^session=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? assert.fail('no session was set')
  }

  cookie() {
    return { name: 'session', value: this.session, url: this.server.url, httpOnly: true, sameSite: /** @type {const} */ ('Lax') }
  }

  /** @param {string} method @param {string} path @param {object} [body] */
  async call(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = {}
    if (this.session) headers.cookie = `session=${this.session}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    return fetch(this.server.url + path, { method, headers, body: JSON.stringify(body) })
  }

  /** @param {string} method @param {string} path @param {object} [body] */
  async json(method, path, body) {
    const answer = await this.call(method, path, body)
    const value = await answer.json()
    assert.ok(answer.ok, `${method} ${path} was answered with ${answer.status}: ${value.error}`)
    return value
  }

  /** @returns {Promise<Key[]>} */
  async keys() {
    return this.json('GET', '/api/v1/api-keys')
  }

  /** A new key; the last one made is the first in the list. @param {string} name @param {Omit<KeyRequest, 'name'>} more @returns {Promise<Issued>} */
  async hasKey(name, more = {}) {
    return this.json('POST', '/api/v1/api-keys', { name, ...more })
  }

  /** A key that has expired. @param {string} name */
  async hadKey(name) {
    const expiresAt = new Date(Date.now() + 2_000).toISOString()
    const { key } = await this.hasKey(name, { expiresAt })
    for (let tries = 0; await this.verify(key) === 200; tries += 1) {
      assert.ok(tries < 60, 'a key did not expire')
      await new Promise(later => setTimeout(later, 100))
    }
  }

  /** Uses a key, until the list shows that. @param {Issued} issued @returns {Promise<Key>} */
  async uses({ id, key }) {
    assert.equal(await this.verify(key), 200)
    for (let tries = 0; tries < 60; tries += 1) {
      const listed = await this.json('GET', `/api/v1/api-keys/${id}`)
      if (listed.lastUsedAt) return listed
      await new Promise(later => setTimeout(later, 100))
    }
    throw new Error('the use of a key did not show')
  }

  /** The status that a use of this key is answered with. @param {string} key */
  async verify(key) {
    const answer = await fetch(`${this.server.url}/api/v1/verify`, { headers: { 'x-api-key': key } })
    return answer.status
  }

  /** Somebody reports a key as leaked, which revokes it. @param {Issued} issued */
  async leaks({ key }) {
    await this.json('POST', '/api/v1/leaks', { key })
  }

  /** @returns {Promise<AuditEvent[]>} */
  async events() {
    return this.json('GET', '/api/v1/audit-events?limit=200')
  }
}
