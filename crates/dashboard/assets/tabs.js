// What the tabs of a browser tell each other: the id of the account that has signed in, or null where it has
// signed out. Pages of other origins hear nothing of it.
const channel = new BroadcastChannel('latchkey-account')

export function tellTabs(account) {
  channel.postMessage(account)
}

/** Calls `listener` with what other tabs tell. */
export function hearTabs(listener) {
  channel.addEventListener('message', ({ data }) => listener(data))
}
