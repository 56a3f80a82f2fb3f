// @ts-check
import './page.js'
import './api-keys-panel.js'
