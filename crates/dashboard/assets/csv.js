/**
 * Rows of cells as a file that spreadsheets read (RFC 4180, in UTF-8, which the mark at its beginning says)
 * and find no formula in.
 */
export function csv(rows) {
  return `\ufeff${rows.map(row => `${row.map(cell).join(',')}\r\n`).join('')}`
}

/**
 * Where a spreadsheet begins a cell, and would run what begins with a sign. That is the beginning of ours, and
 * also what follows `;`, a tab or a line break: those separate cells in most of Europe, in spite of quotation
 * marks that don't stand at their beginning.
 */
const FORMULA = /(?<=^|[;\t\r\n])(?=["\s]*[=+\-@＝＋－＠\t\r])/g

function cell(value) {
  const harmless = String(value ?? '').replace(FORMULA, "'")
  return `"${harmless.replaceAll('"', '""')}"`
}
