// @ts-check
import { ApiError } from './answer.js'
import { complain } from './host.js'
import { text } from './strings.js'

/**
 * How a panel proves who is signed in to the page around it: by a token of that page's own system, from its function
 * `getToken` or from its backend at `token-url`. Null where it has neither, and Latchkey's cookie counts.
 * @param {Panel} panel @returns {Prove?}
 */
export function proofOf(panel) {
  const url = panel.getAttribute('token-url')
  // Looked up at each call: a page may set the property when the panel is there already.
  const ask = async () => (panel.getToken ? given(await panel.getToken()) : tokenAt(url ?? ''))
  if (url === null && !panel.getToken) return null
  /** Kept here alone. @type {Promise<string>?} */
  let token = null
  return (isAnew = false) => {
    if (isAnew) token = null
    token ??= ask().catch(thrown => {
      token = null
      throw thrown instanceof ApiError ? thrown : new ApiError(text.noToken)
    })
    return token
  }
}

/** @param {unknown} token */
function given(token) {
  if (typeof token === 'string') return token
  complain('getToken gave no text: it must be a function that resolves to a JWT')
  throw new ApiError(text.noToken)
}

/** @param {string} url */
async function tokenAt(url) {
  const response = await fetch(url, { method: 'POST', credentials: 'include', cache: 'no-store' })
  if (response.status === 401) throw new ApiError(text.noToken, { status: 401 })
  const token = response.ok ? (await response.json().catch(() => null))?.token : null
  if (typeof token === 'string') return token
  complain(`token-url="${url}" answered ${response.status} and no token: it must answer {"token": "…"}, or 401 where nobody is signed in`)
  throw new ApiError(text.noToken)
}
