// @ts-check
import { language } from './strings.js'

/** @type {{ default: OperatorCatalogue }} */
const catalogue = await import(`./operator-words-${language}.js`)

/** The texts of the pages of operators, which no other page loads. */
export const text = /** @type {OperatorEnglish} */ (catalogue.default)
