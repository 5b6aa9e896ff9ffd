// `/upstreams/{name or id}/health`: what is known of each target. Upstream: Kong's admin API.
import type { Upstream } from '../balancing/upstream.ts'
import type { AdminSource } from './source.ts'

/** The upstream of a path's segment, by name or id. */
export function upstreamNamed(name: string, source: AdminSource): Upstream | undefined {
  const plan = source.plan()
  const entity = plan.entities.upstreams.find(({ id, fields }) => id === name || fields.name === name)
  return entity && plan.upstreams.get(entity.fields.name)
}

/** Undefined when the path is another, or names no upstream. */
export function listUpstreamHealth(segments: readonly string[], source: AdminSource): object | undefined {
  const [first, name, last, ...rest] = segments
  if (first !== 'upstreams' || name === undefined || last !== 'health' || rest.length > 0) return undefined
  const upstream = upstreamNamed(name, source)
  if (!upstream) return undefined
  const plan = source.plan()
  const id = plan.entities.upstreams.find(({ fields }) => fields.name === upstream.name)!.id
  const targets = plan.entities.targets.filter(({ links }) => links['upstream'] === id)
  const data = targets.map((target, i) => {
    const peer = upstream.peers[i]!
    const health = upstream.stateOf(peer)
    return {
      ...plan.represent('targets', target),
      health,
      data: {
        host: peer.host,
        port: peer.port,
        weight: { total: peer.weight, available: peer.healthy ? peer.weight : 0, unavailable: peer.healthy ? 0 : peer.weight },
        addresses: [{ ip: peer.host, port: peer.port, health, weight: peer.weight }],
      },
    }
  })
  return { data, next: null, node_id: NODE_ID, total: data.length }
}

/** One per installation upstream; here every gateway is its own. */
export const NODE_ID = '00000000-0000-4000-8000-000000000000'
