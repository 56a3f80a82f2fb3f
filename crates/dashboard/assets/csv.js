/** Rows of cells as a file that spreadsheets read (RFC 4180) and find no formula in. */
export function csv(rows) {
  return rows.map(row => `${row.map(cell).join(',')}\r\n`).join('')
}

function cell(value) {
  const text = String(value ?? '')
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
