// A product with users of its own: they sign in here, make API keys on its page, and call its API with them.
import { timingSafeEqual } from 'node:crypto'
import cookieSession from 'cookie-session'
import express from 'express'
import { SignJWT } from 'jose'
import { latchkey } from 'latchkey-client'
import { apiKey } from 'latchkey-client/express'
import { management } from 'latchkey-client/manage'

const { KEYS_URL = 'http://127.0.0.1:8080', PORT = '3000' } = process.env
const [jwtSecret, token, billingSecret, sessionSecret] = ['LATCHKEY_JWT_SECRET', 'MANAGEMENT_TOKEN', 'BILLING_SECRET', 'SESSION_SECRET']
  .map(name => process.env[name] ?? (() => { throw new Error(`${name} is not set`) })())
const passwords = new Map([['ada', 'correct horse battery']])
const isSame = (given, wanted) => given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted))
const manage = management(KEYS_URL, token)
const app = express()
app.use(express.urlencoded(), express.json(), cookieSession({ name: 'my_session', keys: [sessionSecret], sameSite: 'lax' }))

// Its own sign-in.
app.get('/sign-in', (req, res) => res.send(`<!doctype html><title>Sign in</title><form method="post">
  <input name="user" placeholder="User"> <input name="password" type="password" placeholder="Password"> <button>Sign in</button></form>`))
app.post('/sign-in', (req, res) => {
  const { user, password } = req.body
  if (!passwords.has(user) || !isSame(String(password), passwords.get(user))) return res.status(401).send('Wrong user or password')
  req.session.user = user
  res.redirect(303, '/keys')
})

// The page of API keys: Latchkey's panel, which gets a token that says who is signed in.
app.get('/keys', (req, res) => req.session.user ? res.send(`<!doctype html><title>API keys</title><h1>API keys</h1>
  <api-keys-panel api-base="${KEYS_URL}" token-url="/my/token"></api-keys-panel>
  <script type="module" src="${KEYS_URL}/embed/api-keys-panel.js"></script>`) : res.redirect(303, '/sign-in'))
app.post('/my/token', async (req, res) => {
  if (!req.session.user) return res.status(401).json({ error: 'Sign in first' })
  const claims = new SignJWT().setIssuer('my-product').setAudience('latchkey').setSubject(req.session.user).setExpirationTime('10m')
  res.json({ token: await claims.setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(jwtSecret)) })
})

// Its API, for callers with a key.
app.get('/api/hello', apiKey(latchkey(KEYS_URL)), (req, res) => res.json({ hello: req.apiKey.owner }))

// A webhook: the keys of a user who has not paid are refused until the bill is paid.
app.post('/billing', async (req, res) => {
  if (!isSame(req.get('authorization') ?? '', `Bearer ${billingSecret}`)) return res.status(401).json({ error: 'Not for you' })
  res.json(await manage.owner(req.body.user).set({ maxKeys: null, suspended: !req.body.paid }))
})

app.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}/keys`))
