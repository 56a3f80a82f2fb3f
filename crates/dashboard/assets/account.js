import { Api } from './api.js'
import { hearServerTime, pageBegan } from './clock.js'

const frame = document.querySelector('.frame')
if (frame) hearServerTime(frame.dataset.now, pageBegan())

/** The API for the account that this page was made for. The pages of strangers were made for none. */
export const api = new Api('', frame?.dataset.account)
