'use client'
import { createElement, forwardRef, useEffect, useRef } from 'react'

const kebab = name => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
const isEvent = name => /^on[A-Z]/.test(name)

/** Loads the script that defines the element, once for each Latchkey. */
function load(base) {
  const script = Object.assign(document.createElement('script'), { type: 'module', src: `${base}/embed/api-keys-panel.js` })
  if (![...document.scripts].some(({ src }) => src === script.src)) document.head.append(script)
}

export const ApiKeys = forwardRef(function ApiKeys({ apiBase, getToken, strings, className, children, ...props }, ref) {
  const panel = useRef(null)
  const latest = useRef(props)
  latest.current = props
  const events = Object.keys(props).filter(isEvent).sort().join()
  useEffect(() => load(apiBase), [apiBase])
  useEffect(() => { panel.current.getToken = getToken }, [getToken])
  useEffect(() => { panel.current.strings = strings }, [strings])
  useEffect(() => {
    const life = new AbortController()
    for (const name of events.split(',').filter(Boolean)) {
      panel.current.addEventListener(`api-keys${kebab(name.slice(2))}`, event => latest.current[name]?.(event), { signal: life.signal })
    }
    return () => life.abort()
  }, [events])
  const attributes = Object.entries(props).filter(([name, value]) => !isEvent(name) && value !== false && value !== undefined)
    .map(([name, value]) => [kebab(name), value === true ? '' : value])
  const set = element => {
    panel.current = element
    if (typeof ref === 'function') ref(element)
    else if (ref) ref.current = element
  }
  return createElement('api-keys-panel', { 'api-base': apiBase, class: className, ref: set, ...Object.fromEntries(attributes) }, children)
})
