/** An element: attributes by name, listeners as `onclick`, children as nodes or text. */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false))
  return element
}

/** Puts `fresh` rows in the place of those of `body` that look otherwise, so that the rest keeps its state. */
export function patchRows(body, fresh) {
  const ids = rows => rows.map(row => row.dataset.id).join()
  if (ids([...body.children]) !== ids(fresh)) return body.replaceChildren(...fresh)
  for (const [at, row] of [...body.children].entries()) {
    if (!row.isEqualNode(fresh[at])) row.replaceWith(fresh[at])
  }
}
