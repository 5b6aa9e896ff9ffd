// Gives each request an id that the service, and if asked the client, sees. A client's own id stays. Upstream: Kong's `correlation-id`.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { headerName } from '../config/fields.ts'
import type { Exchange } from '../exchange.ts'
import { definePlugin } from '../plugin.ts'

export const correlationId = definePlugin({
  name: 'correlation-id',
  priority: 1,
  config: z.strictObject({
    header_name: headerName.default('Kong-Request-ID'),
    generator: z.enum(['uuid', 'uuid#counter', 'tracker']).default('uuid#counter'),
    echo_downstream: z.boolean().default(false),
  }),
  phases: ({ header_name: name, generator, echo_downstream }) => {
    const key = name.toLowerCase()
    const generate = generators[generator]()
    const ids = new WeakMap<Exchange, string>()
    return {
      access: (exchange) => {
        let id = exchange.headers.get(key)
        if (!id) {
          id = generate(exchange)
          exchange.setHeader(name, id, key)
        }
        if (echo_downstream) ids.set(exchange, id)
        return undefined
      },
      headers: echo_downstream
        ? (exchange, { headers }) => {
            // Also on answers that came before this plugin's turn.
            const id = ids.get(exchange) ?? exchange.sent(key)
            if (id) headers.set(name, id, key)
          }
        : undefined,
    }
  },
})

const generators = {
  uuid: () => () => randomUUID(),
  'uuid#counter': () => {
    const own = randomUUID()
    let count = 0
    return () => `${own}#${++count}`
  },
  // Address, port and connection of the server with the time, as Kong writes it.
  tracker: () => {
    let count = 0
    return ({ req, client }: Exchange) =>
      `${req.socket.localAddress ?? ''}-${client.port}-${process.pid}-${req.socket.remotePort ?? 0}-${++count}-${(Date.now() / 1000).toFixed(3)}`
  },
} as const
