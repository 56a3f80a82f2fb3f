// @ts-check

/**
 * Where somebody signs in, to come back to `page`: on a page of Latchkey's, or at `elsewhere`, which is told by `return`.
 * @param {string | null | undefined} elsewhere @param {string} page
 */
export function signInAddress(elsewhere, page) {
  const wanted = new URL(page, location.href)
  if (!elsewhere) return `/sign-in?next=${encodeURIComponent(wanted.pathname + wanted.search)}`
  const url = new URL(elsewhere, location.href)
  url.searchParams.append('return', wanted.href)
  return url.href
}
