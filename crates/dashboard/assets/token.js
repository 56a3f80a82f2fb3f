// @ts-check
import { ApiError } from './answer.js'
import { text } from './strings.js'

/**
 * How a panel proves who is signed in to the page around it: by a token of that page's own system, from its function
 * `getToken` or from its backend at `token-url`. Null where it has neither, and Latchkey's cookie counts.
 * @param {HTMLElement & { getToken?: () => Promise<string> }} panel @returns {Prove?}
 */
export function proofOf(panel) {
  const url = panel.getAttribute('token-url')
  // Looked up at each call: a page may set the property when the panel is there already.
  const ask = async () => (panel.getToken ? panel.getToken() : tokenAt(url ?? ''))
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

/** @param {string} url */
async function tokenAt(url) {
  const response = await fetch(url, { method: 'POST', credentials: 'include', cache: 'no-store' })
  if (response.status === 401) throw new ApiError(text.noToken, { status: 401 })
  const { token } = await response.json()
  if (!response.ok || typeof token !== 'string') throw new ApiError(text.noToken)
  return token
}
