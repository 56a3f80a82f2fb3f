// @ts-check
import { h } from './dom.js'

// As colour.rs does it, for what scripts write: `n` a name, `s` a text, `v` another value, `w` a word of the language, `c` a
// comment.
const WORDS = 'await|const|curl|def|defer|do|echo|else|end|from|func|if|import|let|new|nil|None|package|print|puts|require|return|use|var'
const TOKEN = new RegExp([
  /(?<c>(?<=^|\s)(?:#|\/\/)[^\n]*)/.source,
  /(?<s>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\x60(?:\\.|[^\x60\\])*\x60)/.source,
  /(?<n>(?<=\s)--?[a-zA-Z][\w-]*)/.source,
  `(?<w>(?<![\\w$.-])(?:${WORDS})(?![\\w-]))`,
  /(?<v>(?<![\w.$-])(?:-?\d[\w.]*|true|false|null)(?!\w))/.source,
].join('|'), 'gm')

/** The text with its parts in colour. @param {string} language @param {string} text */
export function coloured(language, text) {
  /** @type {(string | HTMLElement)[]} */
  const parts = []
  let at = 0
  for (const { 0: token, groups = {}, index } of text.matchAll(TOKEN)) {
    const kind = Object.keys(groups).find(name => groups[name] !== undefined)
    const isName = language === 'json' && kind === 's' && text[index + token.length] === ':'
    parts.push(text.slice(at, index), h('span', { class: isName ? 'n' : kind }, token))
    at = index + token.length
  }
  return [...parts, text.slice(at)].filter(it => it !== '')
}
