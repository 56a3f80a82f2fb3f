// @ts-check
import { coloured } from './colour.js'
import { find, h } from './dom.js'
import { LANGUAGES, codeIn } from './languages.js'

const STORED = 'latchkey-language'
const CURL = 'curl'

/**
 * Lets the reader choose the language of all requests; the page has them for curl.
 * @param {NodeListOf<Element>} requests @param {HTMLElement} main
 */
export function inLanguages(requests, main) {
  const samples = [...requests].filter(it => it instanceof HTMLElement).map(figure => {
    const code = find(figure, 'code', HTMLElement)
    const choice = h('select', { class: 'language', 'aria-label': `${main.dataset.language}` }, LANGUAGES.map(name => h('option', {}, name)))
    choice.addEventListener('change', () => {
      keep(choice.value)
      // What is above changes its height: the one that was chosen stays where it is.
      const { top } = figure.getBoundingClientRect()
      show(choice.value)
      scrollBy({ top: figure.getBoundingClientRect().top - top, behavior: 'instant' })
    })
    find(figure, '.copy', HTMLElement).before(choice)
    return { code, choice, curl: [...code.childNodes], call: /** @type {ExampleCall} */ (JSON.parse(`${figure.dataset.request}`)) }
  })

  const show = (/** @type {string} */ language) => {
    for (const { code, choice, curl, call } of samples) {
      choice.value = language
      code.replaceChildren(...language === CURL ? curl : coloured(language, codeIn(language, requestOf(call, main))))
    }
  }
  const chosen = kept()
  if (chosen && chosen !== CURL && LANGUAGES.includes(chosen)) show(chosen)
}

/** @param {ExampleCall} call @param {HTMLElement} main @returns {ExampleRequest} */
function requestOf({ method, path, headers, needsSession, body }, { dataset }) {
  const cookie = needsSession && { Cookie: `${dataset.sessionCookie}=your_session_cookie` }
  return { method, url: `${dataset.baseUrl}${path}`, headers: { ...Object.fromEntries(headers), ...cookie }, body: body ?? undefined }
}

function kept() {
  try {
    return localStorage.getItem(STORED)
  } catch {
    // The browser keeps nothing for this page.
    return null
  }
}

/** @param {string} language */
function keep(language) {
  try {
    localStorage.setItem(STORED, language)
  } catch {
    // Then the choice lasts as long as the page.
  }
}
