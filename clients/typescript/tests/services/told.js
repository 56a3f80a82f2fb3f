import { latchkey } from 'latchkey-client'

/** A client for each upstream, which a request chooses by its path: `/0`, `/1`. */
export const clients = JSON.parse(process.env.UPSTREAMS ?? '[]').map(url => latchkey(url))

export const said = ({ keyId, owner, name, environment }) => ({ keyId, owner, name, environment })

/** @param {number} port */
export const listening = port => console.log(`listening on ${port}`)
