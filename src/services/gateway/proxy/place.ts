// Where a service's request goes: to a handler in this process, over the network, or nowhere.
import type { Dispatcher } from '../../../http/dispatch.ts'
import type { Endpoint } from '../../../service/definition.ts'
import { authorityOf } from '../forwarded.ts'
import type { Service } from '../plan.ts'

export type Place =
  | { readonly at: 'here'; readonly endpoint: Endpoint; readonly authority: string }
  | { readonly at: 'network'; readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number; readonly authority: string }
  /** A name of this stack that nothing answers under, with the sentence for the caller. */
  | { readonly at: 'absent'; readonly reason: string }
  | { readonly at: 'down' }
  | { readonly at: 'nobody' }

/** Addresses by service name, from `<SERVICE>_URL` variables. */
export type Overrides = (host: string) => URL | undefined

/** What of a service says where it is. */
export type Addressed = Pick<Service, 'scheme' | 'host' | 'port' | 'authority' | 'balancer'>

/** Asked anew for each try: a balanced service gives its next target. */
export function placeOf(service: Addressed, dispatcher: Dispatcher, overrides: Overrides): Place {
  let { host, port, authority } = service
  if (service.balancer) {
    const target = service.balancer.next()
    if (!target) return { at: 'nobody' }
    host = target.host
    port = target.port
    authority = authorityOf(service.scheme, service.balancer.hostHeader ?? host, port)
  }
  const override = overrides(host)
  if (override) return elsewhere(override, authority)
  const endpoint = dispatcher.resolve(host, port)
  if (endpoint) return { at: 'here', endpoint, authority }
  const address = dispatcher.address(host, port)
  if (address !== undefined) return elsewhere(new URL(address), authority)
  const reason = dispatcher.absence(host)
  if (reason !== undefined) return { at: 'absent', reason }
  if (dispatcher.knows(host)) return { at: 'down' }
  return { at: 'network', scheme: service.scheme, host, port, authority }
}

function elsewhere(url: URL, authority: string): Place {
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  return { at: 'network', scheme, host: url.hostname, port: Number(url.port) || (scheme === 'https' ? 443 : 80), authority }
}
