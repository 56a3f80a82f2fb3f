// @ts-check
import { coloured } from './colour.js'
import { find, h } from './dom.js'

// Longer bodies are cut: a page of a million lines helps nobody.
const MOST_BYTES = 200_000
const PATIENCE = 25_000

/**
 * Adds to calls that only read, and need no more than the session of this browser, what makes them.
 * @param {NodeListOf<Element>} requests @param {HTMLElement} words @param {(words: string) => void} say
 */
export function runnable(requests, words, say) {
  for (const figure of requests) {
    if (!(figure instanceof HTMLElement)) continue
    /** @type {ExampleCall} */
    const { runs } = JSON.parse(`${figure.dataset.request}`)
    if (runs) figure.append(form(runs, `${figure.querySelector('pre')?.getAttribute('aria-label')}`, words, say))
  }
}

/** @param {Runnable} runs @param {string} label @param {HTMLElement} words @param {(words: string) => void} say */
function form(runs, label, words, say) {
  const { run, running, unreachable, missing } = words.dataset
  const fields = runs.parameters.map(({ name, values }) => h('label', {}, h('span', {}, name), field(name, values)))
  const button = h('button', { type: 'submit', class: 'button' }, `${run}`)
  button.setAttribute('aria-label', `${run}: ${label}`)
  const outcome = h('div', { class: 'outcome' })
  /** @type {AbortController?} */
  let before = null

  const send = async () => {
    const given = new FormData(element)
    // Dots alone would lead to another path, even encoded.
    const empty = runs.parameters.find(({ name }) => runs.path.includes(`{${name}}`) && !/[^.]/.test(`${given.get(name)}`))
    if (empty) {
      outcome.replaceChildren(h('p', { class: 'problem' }, `${missing} ${empty.name}.`))
      say(`${outcome.textContent}`)
      find(element, `[name="${empty.name}"]`, HTMLElement).focus()
      return
    }
    before?.abort()
    const mine = before = new AbortController()
    button.textContent = `${running}`
    try {
      const shown = await answerOf(addressOf(runs, given), mine.signal, words)
      outcome.replaceChildren(...shown)
    } catch {
      if (mine !== before) return
      outcome.replaceChildren(h('p', { class: 'problem' }, `${unreachable}`))
    }
    if (mine !== before) return
    button.textContent = `${run}`
    say(`${outcome.querySelector('p')?.textContent}`)
  }
  const element = h('form', { class: 'try', autocomplete: 'off', onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault()
    send()
  } }, fields, button, outcome)
  return element
}

/** @param {string} name @param {string[]} values */
function field(name, values) {
  if (values.length === 0) return h('input', { class: 'input', name, maxlength: 255, spellcheck: 'false' })
  return h('select', { class: 'input', name }, ['', ...values].map(value => h('option', {}, value)))
}

/** @param {Runnable} runs @param {FormData} given */
function addressOf({ path, parameters }, given) {
  const query = new URLSearchParams()
  let filled = path
  for (const { name } of parameters) {
    const value = `${given.get(name) ?? ''}`
    const place = `{${name}}`
    if (path.includes(place)) filled = filled.replace(place, () => encodeURIComponent(value))
    else if (value) query.set(name, value)
  }
  return query.size > 0 ? `${filled}?${query}` : filled
}

/** Makes the call, and shows what came. @param {string} address @param {AbortSignal} signal @param {HTMLElement} words */
async function answerOf(address, signal, words) {
  const begun = performance.now()
  const response = await fetch(address, {
    credentials: 'same-origin', cache: 'no-store', redirect: 'manual', signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
  })
  const took = Math.round(performance.now() - begun)
  const { text, isWhole } = await beginningOf(response)
  const facts = [`${response.status} ${response.statusText}`.trim(), `${took} ms`, response.headers.get('x-error-code')]
  const body = isWhole ? pretty(text) : text
  return [
    h('p', {}, facts.filter(Boolean).join(' · '), response.status === 401 && signInLink(words)),
    h('pre', { tabindex: 0, role: 'region', 'aria-label': `${words.dataset.response}: ${address}` }, h('code', {}, coloured('json', body))),
    !isWhole && h('p', { class: 'muted' }, `${words.dataset.cut}`),
  ].filter(it => it !== false)
}

/** The page of keys asks for a sign-in wherever that is. @param {HTMLElement} words */
const signInLink = ({ dataset }) => h('span', {}, ` · ${dataset.signedOut} `, h('a', { href: '/account/api-keys' }, `${dataset.signIn}`))

/** The body, as far as it is shown. @param {Response} response */
async function beginningOf(response) {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) return { text: text + decoder.decode(), isWhole: true }
    length += part.value.length
    text += decoder.decode(part.value, { stream: true })
    if (length < MOST_BYTES) continue
    await reader?.cancel()
    return { text: text.slice(0, MOST_BYTES), isWhole: false }
  }
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    // Such as the metrics, which are plain text.
    return text
  }
}
