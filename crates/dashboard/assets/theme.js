// No module, for it has to run before the first paint: shows the theme that was chosen last.
(() => {
  const root = document.documentElement
  const stored = 'latchkey.theme'

  const chosen = () => {
    try {
      return localStorage.getItem(stored) ?? 'system'
    } catch {
      return 'system' // a browser that keeps nothing
    }
  }

  const keep = theme => {
    try {
      localStorage.setItem(stored, theme)
    } catch {
      // then it lasts as long as the page
    }
  }

  const show = theme => {
    const fixed = theme === 'light' || theme === 'dark'
    if (fixed) root.dataset.theme = theme
    else delete root.dataset.theme
    // The empty page, before its style sheet is there.
    document.querySelector('meta[name="color-scheme"]').content = fixed ? theme : 'light dark'
    const choice = document.querySelector(`input[name="theme"][value="${fixed ? theme : 'system'}"]`)
    if (choice) choice.checked = true
  }

  show(chosen())
  document.addEventListener('DOMContentLoaded', () => show(chosen()))
  document.addEventListener('change', ({ target }) => {
    if (target.name !== 'theme') return
    keep(target.value)
    show(target.value)
  })
  addEventListener('storage', ({ key }) => {
    if (key === stored) show(chosen())
  })
})()
