// The headers by which a service learns who calls. A client's own ones never pass an authentication plugin.
import type { Consumer } from './consumers.ts'
import type { Exchange } from './exchange.ts'

/** What was shown: an id, and for passwords the name. Undefined for the anonymous consumer. */
export interface Shown {
  readonly id: string
  readonly username?: string
}

export function identify(exchange: Exchange, consumer: Consumer, shown: Shown | undefined): void {
  const { headers } = exchange
  exchange.consumer = consumer
  exchange.credentialId = shown?.id
  exchange.setHeader('X-Consumer-ID', consumer.id)
  setOrRemove(exchange, 'X-Consumer-Username', consumer.username)
  setOrRemove(exchange, 'X-Consumer-Custom-ID', consumer.customId)
  setOrRemove(exchange, 'X-Credential-Identifier', shown?.id)
  setOrRemove(exchange, 'X-Credential-Username', shown?.username)
  // Groups are told by acl alone.
  headers.remove('x-consumer-groups')
  if (shown) headers.remove('x-anonymous-consumer')
  else exchange.setHeader('X-Anonymous-Consumer', 'true')
}

function setOrRemove(exchange: Exchange, name: string, value: string | undefined): void {
  if (value === undefined) exchange.headers.remove(name.toLowerCase())
  else exchange.setHeader(name, value)
}
