// The headers by which a service learns who calls. A client's own ones never pass an authentication plugin.
import type { Consumer } from './consumers.ts'
import type { Exchange } from './exchange.ts'

/** What was shown: an id, and for passwords the name. Undefined for the anonymous consumer. */
export interface Shown {
  readonly id: string
  readonly username?: string
}

export function identify(exchange: Exchange, consumer: Consumer, shown: Shown | undefined): void {
  exchange.consumer = consumer
  exchange.credentialId = shown?.id
  setOrRemove(exchange, 'X-Consumer-ID', 'x-consumer-id', consumer.id)
  setOrRemove(exchange, 'X-Consumer-Username', 'x-consumer-username', consumer.username)
  setOrRemove(exchange, 'X-Consumer-Custom-ID', 'x-consumer-custom-id', consumer.customId)
  setOrRemove(exchange, 'X-Credential-Identifier', 'x-credential-identifier', shown?.id)
  setOrRemove(exchange, 'X-Credential-Username', 'x-credential-username', shown?.username)
  // Groups are told by acl alone.
  exchange.headers.remove('x-consumer-groups')
  setOrRemove(exchange, 'X-Anonymous-Consumer', 'x-anonymous-consumer', shown ? undefined : 'true')
}

function setOrRemove(exchange: Exchange, name: string, key: string, value: string | undefined): void {
  if (value === undefined) exchange.headers.remove(key)
  else exchange.setHeader(name, value, key)
}
