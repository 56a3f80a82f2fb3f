// @ts-check
import { svg } from './svg.js'

const PATHS = {
  check: 'M4 10.5l4 4 8-9',
  close: 'M5 5l10 10M15 5L5 15',
  copy: 'M7.5 7.5h8v9h-8zM12.5 7.5v-4h-8v9h3',
  key: 'M6.8 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM10 10h7.5m-2.5 0v3m-2.5-3v2',
  more: 'M10 4.5v.01M10 10v.01M10 15.5v.01',
  pencil: 'M4 16l1-4 8.5-8.5 3 3L8 15z',
  plus: 'M10 4v12M4 10h12',
  search: 'M9 15a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM13.5 13.5L17 17',
  warning: 'M10 3l8 14H2zM10 8v4M10 14.5v.01',
}

/** Screen readers skip it: a text beside it says the same. @param {keyof typeof PATHS} name */
export const icon = name => svg('svg', { class: `icon ${name}`, viewBox: '0 0 20 20', 'aria-hidden': 'true' }, svg('path', { d: PATHS[name] }))
