// @ts-check
// Tabs tell each other the id of the account that signed in, or null when it signed out. Other origins don't hear it.
const channel = new BroadcastChannel('latchkey-account')

/** @param {string?} account */
export function tellTabs(account) {
  channel.postMessage(account)
}

/** @param {(account: string?) => void} listener */
export function hearTabs(listener) {
  channel.addEventListener('message', ({ data }) => listener(data))
}
