// @ts-check
// Shows the theme that was chosen last. No module, since it must run before the first paint.
(() => {
  const root = document.documentElement
  const stored = 'latchkey.theme'

  const chosen = () => {
    try {
      return localStorage.getItem(stored) ?? 'system'
    } catch {
      return 'system' // the browser stores nothing
    }
  }

  const keep = (/** @type {string} */ theme) => {
    try {
      localStorage.setItem(stored, theme)
    } catch {
      // then the choice lasts as long as the page
    }
  }

  const show = (/** @type {string} */ theme) => {
    const fixed = theme === 'light' || theme === 'dark'
    if (fixed) root.dataset.theme = theme
    else delete root.dataset.theme
    // For the empty page, before its style sheet is loaded.
    document.querySelector('meta[name="color-scheme"]')?.setAttribute('content', fixed ? theme : 'light dark')
    /** @type {HTMLInputElement?} */
    const choice = document.querySelector(`input[name="theme"][value="${fixed ? theme : 'system'}"]`)
    if (choice) choice.checked = true
  }

  show(chosen())
  document.addEventListener('DOMContentLoaded', () => show(chosen()))
  document.addEventListener('change', ({ target }) => {
    if (!(target instanceof HTMLInputElement) || target.name !== 'theme') return
    keep(target.value)
    show(target.value)
  })
  addEventListener('storage', ({ key }) => {
    if (key === stored) show(chosen())
  })
})()
