// @ts-check
/** Elements of these classes are parts, which a page around the panel may style, by these names. @type {Fields} */
const PARTS = {
  'panel-head': 'header', toolbar: 'toolbar', table: 'table', state: 'badge', tag: 'badge', button: 'button', primary: 'primary', danger: 'danger',
  input: 'input', notice: 'notice', menu: 'menu', toast: 'toast', blank: 'empty',
}

/**
 * An element: attributes by name, listeners as `onclick`, children as nodes or text.
 * @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Attributes} attributes @param {Child[]} children
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    if (typeof value === 'function') element.addEventListener(name.slice(2), /** @type {EventListener} */ (value))
    // An attribute of ARIA without a value means false.
    else element.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : `${value}`)
  }
  for (const name of element.classList) if (PARTS[name]) element.part.add(PARTS[name])
  element.append(...children.flat(2).filter(child => child !== null && child !== undefined && child !== false))
  return element
}

/**
 * The element that `selector` finds in `root`; throws if there is none.
 * @template {Element} T @param {ParentNode} root @param {string} selector @param {new () => T} kind
 */
export function find(root, selector, kind) {
  const element = root.querySelector(selector)
  if (element instanceof kind) return element
  throw new Error(`${selector} is missing`)
}

/** Focuses a field, which may be folded away. @param {HTMLElement} field */
export function focusUnfolded(field) {
  const folded = field.closest('details')
  if (folded) folded.open = true
  field.focus()
}

/**
 * Replaces those rows of `body` that look different in `fresh`, so that the others keep their state.
 * @param {HTMLTableSectionElement} body @param {HTMLTableRowElement[]} fresh
 */
export function patchRows(body, fresh) {
  const ids = (/** @type {HTMLElement[]} */ rows) => rows.map(row => row.dataset.id).join()
  if (ids([...body.rows]) !== ids(fresh)) return body.replaceChildren(...fresh)
  for (const [at, row] of [...body.rows].entries()) {
    if (!row.isEqualNode(fresh[at])) row.replaceWith(fresh[at])
  }
}
