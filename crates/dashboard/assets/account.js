// @ts-check
import { Api } from './api.js'
import { hearServerTime, pageBegan } from './clock.js'

/** @type {HTMLElement?} */
const frame = document.querySelector('.frame')
if (frame) hearServerTime(`${frame.dataset.now}`, pageBegan())

/** The API, for the account that the page belongs to, if any. */
export const api = new Api('', frame?.dataset.account)
