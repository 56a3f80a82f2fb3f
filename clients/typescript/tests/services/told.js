import { latchkey } from 'latchkey-client'

/** A client for each upstream, which a request chooses by its path, with what it costs: `/0`, `/1/5`. */
export const clients = JSON.parse(process.env.UPSTREAMS ?? '[]').map(url => latchkey(url))

const demands = [['', undefined], ['/0', { cost: 0 }], ['/5', { cost: 5 }]]
export const routes = clients.flatMap((client, i) => demands.map(([path, demand]) => ({ path: `/${i}${path}`, client, demand })))

export const said = ({ keyId, owner, name, environment }) => ({ keyId, owner, name, environment })

/** @param {number} port */
export const listening = port => console.log(`listening on ${port}`)
