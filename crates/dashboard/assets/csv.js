// @ts-check
/**
 * Rows of cells as a file for spreadsheets (RFC 4180, UTF-8 with a byte order mark), which find no formula in it.
 * @param {unknown[][]} rows
 */
export function csv(rows) {
  return `\ufeff${rows.map(row => `${row.map(cell).join(',')}\r\n`).join('')}`
}

/**
 * Where a spreadsheet may find a formula: at the beginning of a cell, and after `;`, a tab or a line break, which
 * separate cells in most of Europe, also within our quotation marks.
 */
const FORMULA = /(?<=^|[;\t\r\n])(?=["\s]*[=+\-@＝＋－＠\t\r])/g

/** @param {unknown} value */
function cell(value) {
  const harmless = String(value ?? '').replace(FORMULA, "'")
  return `"${harmless.replaceAll('"', '""')}"`
}
