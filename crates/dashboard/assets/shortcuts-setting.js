// @ts-check
const SETTING = 'latchkey-shortcuts'

/** Whether single keys do something: somebody may have switched them off. */
export function areShortcutsOn() {
  try {
    return localStorage.getItem(SETTING) !== 'off'
  } catch {
    // The browser keeps nothing for this page.
    return true
  }
}

/** @param {boolean} areOn */
export const setShortcuts = areOn => localStorage.setItem(SETTING, areOn ? 'on' : 'off')
