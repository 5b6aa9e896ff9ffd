// Where a service's request goes: to a handler in this process, over the network, or nowhere.
import type { Dispatcher } from '../../../http/dispatch.ts'
import type { Endpoint } from '../../../service/definition.ts'
import type { Peer } from '../balancing/peer.ts'
import type { Exchange } from '../exchange.ts'
import { authorityOf } from '../forwarded.ts'
import type { Service } from '../plan.ts'

interface Reachable {
  /** The name and port that were asked for. */
  readonly asked: { readonly host: string; readonly port: number }
  /** Host header. */
  readonly authority: string
  /** The target of a balanced service. */
  readonly peer: Peer | undefined
}

export type Place =
  | ({ readonly at: 'here'; readonly endpoint: Endpoint } & Reachable)
  | ({ readonly at: 'network'; readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number } & Reachable)
  /** A name of this stack that nothing answers under, with the sentence for the caller. */
  | { readonly at: 'absent'; readonly reason: string }
  | { readonly at: 'down' }
  | { readonly at: 'nobody' }

/** Addresses by service name, from `<SERVICE>_URL` variables. */
export type Overrides = (host: string) => URL | undefined

/** What says where a service is. */
export type Addressed = Pick<Service, 'scheme' | 'host' | 'port' | 'authority'>

/** The place of a balanced service: asked anew for each try, with the targets that it has failed on. */
export function balancedPlace(
  service: Service,
  exchange: Exchange,
  tried: readonly Peer[],
  dispatcher: Dispatcher,
  overrides: Overrides,
): Place {
  const { balancer, scheme } = service
  const peer = balancer?.pick(exchange, tried)
  if (!peer) return { at: 'nobody' }
  const authority = authorityOf(scheme, balancer?.hostHeader ?? peer.host, peer.port)
  return placeOf({ scheme, host: peer.host, port: peer.port, authority }, dispatcher, overrides, peer)
}

/** A name and port: in this process, at an address, or in nobody's hands. */
export function placeOf(asked: Addressed, dispatcher: Dispatcher, overrides: Overrides, peer?: Peer): Place {
  const { scheme, host, port, authority } = asked
  const override = overrides(host)
  if (override) return elsewhere(override, { asked, authority, peer })
  const endpoint = dispatcher.resolve(host, port)
  if (endpoint) return { at: 'here', endpoint, asked, authority, peer }
  const address = dispatcher.address(host, port)
  if (address !== undefined) return elsewhere(new URL(address), { asked, authority, peer })
  const reason = dispatcher.absence(host)
  if (reason !== undefined) return { at: 'absent', reason }
  if (dispatcher.knows(host)) return { at: 'down' }
  return { at: 'network', scheme, host, port, asked, authority, peer }
}

function elsewhere(url: URL, reachable: Reachable): Place {
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  return { at: 'network', scheme, host: url.hostname, port: Number(url.port) || (scheme === 'https' ? 443 : 80), ...reachable }
}
