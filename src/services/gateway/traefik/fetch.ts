// Requests of the gateway's own (forwardAuth, health checks): to addresses of the configuration, in this process or over the network,
// within a time and a size. Redirects are answers.

import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Agent, request } from 'undici'
import { type Dispatcher, handOver } from '../../../http/dispatch.ts'
import { HeaderTable } from '../header-table.ts'
import { type Overrides, placeOf } from '../proxy/place.ts'
import { GatheredAnswer } from './answer.ts'
import { localResponse } from './local-response.ts'
import type { Fetch } from './middlewares/middleware.ts'

export class Fetcher {
  readonly #dispatcher: Dispatcher
  readonly #overrides: Overrides
  readonly #agents = new Map<boolean, Agent>()

  constructor(dispatcher: Dispatcher, overrides: Overrides) {
    this.#dispatcher = dispatcher
    this.#overrides = overrides
  }

  readonly fetch: Fetch = async (url, init) => {
    const scheme = url.protocol === 'https:' ? 'https' : 'http'
    const port = Number(url.port) || (scheme === 'https' ? 443 : 80)
    const place = placeOf({ scheme, host: url.hostname, port, authority: url.host }, this.#dispatcher, this.#overrides)
    const headers = HeaderTable.fromRaw(init.headers)
    if (!headers.has('host')) headers.set('Host', url.host)
    if (init.body.length > 0) headers.set('Content-Length', String(init.body.length))
    const path = `${url.pathname}${url.search}`
    const signal = AbortSignal.any([init.signal, AbortSignal.timeout(init.timeoutMs)])
    if (place.at === 'here') {
      const gathered = new GatheredAnswer(init.maxBytes)
      const req = new IncomingMessage(undefined as unknown as Socket)
      const cancel = () => gathered.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        handOver(place.endpoint, req, localResponse(req, gathered), {
          url: path,
          method: init.method,
          headers: headers.toRaw(),
          body: init.body,
        })
        const { status, headers: lines, body } = await gathered.done
        return { status, headers: lines.toRaw(), body }
      } finally {
        signal.removeEventListener('abort', cancel)
      }
    }
    if (place.at !== 'network') throw new Error('the service is not running')
    const answer = await request(`${place.scheme}://${place.host}:${place.port}${path}`, {
      method: init.method as 'GET',
      headers: headers.toRaw(),
      body: init.body.length > 0 ? init.body : null,
      signal,
      dispatcher: this.#agent(init.tlsVerify),
      responseHeaders: 'raw',
    })
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      pieces.push(piece)
      bytes += piece.length
      // One piece more than allowed tells the caller that there was more.
      if (bytes > init.maxBytes) {
        answer.body.destroy()
        break
      }
    }
    return { status: answer.statusCode, headers: (answer.headers as unknown as string[]).map(String), body: Buffer.concat(pieces) }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
  }

  #agent(tlsVerify: boolean): Agent {
    let agent = this.#agents.get(tlsVerify)
    if (!agent) {
      agent = new Agent({ connect: { rejectUnauthorized: tlsVerify } })
      this.#agents.set(tlsVerify, agent)
    }
    return agent
  }
}
