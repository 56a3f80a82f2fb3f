// @ts-check
const LANGUAGES = ['en', 'de']

const page = globalThis.document
const asked = page?.querySelector('api-keys-panel[lang]')?.getAttribute('lang') ?? page?.documentElement.lang ?? ''
export const language = LANGUAGES.find(known => asked.toLowerCase().split('-')[0] === known) ?? 'en'

/** The language of the panel or else of the page, with dates and numbers in the reader's variety of it. */
export const locale = globalThis.navigator?.languages?.find(it => it.toLowerCase().split('-')[0] === language) ?? language

/** @type {{ default: Catalogue }} */
const catalogue = await import(`./words-${language}.js`)

/** Every text that people see or have read out. One with `{placeholders}` goes through `fill`, `parts` or `plural`. */
export const text = /** @type {English} */ (catalogue.default)

/** @template {string} W @param {W} words @param {{ [P in Placeholder<W>]: string | number }} values */
export const fill = (words, values) => parts(words, values).join('')

/**
 * `words` around the values of their placeholders, which may be elements.
 * @template {string} W @template V @param {W} words @param {{ [P in Placeholder<W>]: V }} values @returns {(string | V)[]}
 */
export const parts = (words, values) => words.split(/\{(\w+)\}/).map((part, at) => at % 2 ? values[/** @type {Placeholder<W>} */ (part)] : part)

/**
 * Puts the page's own words in the place of ours, and says which names we have no words for.
 * @param {object} own @param {object} ours @returns {string[]}
 */
export function reword(own, ours = text) {
  const known = /** @type {Record<string, unknown>} */ (ours)
  return Object.entries(own).flatMap(([name, words]) => {
    if (typeof known[name] !== typeof words) return [name]
    if (typeof words === 'object') return reword(words, /** @type {object} */ (known[name])).map(it => `${name}.${it}`)
    known[name] = words
    return []
  })
}

const forms = new Intl.PluralRules(locale)
export const numbers = new Intl.NumberFormat(locale)

/** The form for `number` in this language. @param {{ one: string, other: string }} words @param {number} number */
export const plural = (words, number) =>
  fill(/** @type {Record<string, string>} */ (words)[forms.select(number)] ?? words.other, { number: numbers.format(number) })
