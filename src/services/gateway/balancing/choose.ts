// The ways to choose among the healthy targets of an upstream. Each is made for one set of targets.
import { hash } from 'node:crypto'
import type { Peer } from './peer.ts'

/** `tried`: targets that this request has failed on. `value`: what is hashed, for the way that hashes. */
export type Choose = (tried: readonly Peer[], value: string | undefined) => Peer | undefined

const usable = (peer: Peer) => peer.healthy && peer.weight > 0

/** A smooth weighted round: over n requests each gets its share. A next try is the next of the round. */
export function roundRobin(peers: readonly Peer[]): Choose {
  const credits = new Map(peers.map((peer) => [peer, 0]))
  return () => {
    let best: Peer | undefined
    let total = 0
    for (const peer of peers) {
      if (!usable(peer)) continue
      total += peer.weight
      credits.set(peer, credits.get(peer)! + peer.weight)
      if (!best || credits.get(peer)! > credits.get(best)!) best = peer
    }
    if (best) credits.set(best, credits.get(best)! - total)
    return best
  }
}

/** The fewest open requests for its weight; among equals they take turns. */
export function leastConnections(peers: readonly Peer[]): Choose {
  const turn = roundRobin(peers)
  return (tried) => {
    const candidates = untried(peers, tried)
    const load = ({ open, weight }: Peer) => (open + 1) / weight
    const least = Math.min(...candidates.map(load))
    const equals = candidates.filter((peer) => load(peer) === least)
    if (equals.length < 2) return equals[0]
    // The round goes on until it comes to one of them: at most once around.
    for (let i = 0; i < peers.length * 2; i++) {
      const next = turn([], undefined)
      if (next && equals.includes(next)) return next
    }
    return equals[0]
  }
}

/** The quicker of two taken at random, by what their answers took of late. */
export function leastLatency(peers: readonly Peer[], random: () => number = Math.random): Choose {
  return (tried) => {
    const candidates = untried(peers, tried)
    if (candidates.length < 2) return candidates[0]
    const first = Math.floor(random() * candidates.length)
    const second = (first + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length
    const [a, b] = [candidates[first]!, candidates[second]!]
    return (a.latencyMs * (a.open + 1)) / a.weight <= (b.latencyMs * (b.open + 1)) / b.weight ? a : b
  }
}

function untried(peers: readonly Peer[], tried: readonly Peer[]): Peer[] {
  const all = peers.filter(usable)
  const fresh = all.filter((peer) => !tried.includes(peer))
  return fresh.length > 0 ? fresh : all
}

/**
 * The same value comes to the same target: a ring of points, each target with as many as its weight asks for. When a target goes, only
 * its own values move; a value without a target goes around in turns.
 */
export function consistentHashing(peers: readonly Peer[], slots: number): Choose {
  const ring = ringOf(peers, slots)
  const turn = roundRobin(peers)
  return (tried, value) => {
    if (value === undefined) return turn(tried, undefined)
    if (ring.points.length === 0) return undefined
    const at = firstAtOrAfter(ring.points, hash('sha1', value, 'buffer').readUInt32BE(0))
    let fallback: Peer | undefined
    for (let i = 0; i < ring.points.length; i++) {
      const peer = ring.owners[(at + i) % ring.points.length]!
      if (!usable(peer)) continue
      if (!tried.includes(peer)) return peer
      fallback ??= peer
    }
    return fallback
  }
}

function ringOf(peers: readonly Peer[], slots: number): { points: Uint32Array; owners: readonly Peer[] } {
  const total = peers.reduce((sum, { weight }) => sum + weight, 0)
  const pairs: { point: number; owner: Peer }[] = []
  for (const owner of peers) {
    if (owner.weight === 0) continue
    const wanted = Math.max(1, Math.round((slots * owner.weight) / total))
    // Five points of 32 bits lie in one digest.
    for (let made = 0; made < wanted; made += 5) {
      const digest = hash('sha1', `${owner.name} ${made}`, 'buffer')
      for (let i = 0; i < 5 && made + i < wanted; i++) pairs.push({ point: digest.readUInt32BE(i * 4), owner })
    }
  }
  pairs.sort((a, b) => a.point - b.point || (a.owner.name < b.owner.name ? -1 : 1))
  return { points: Uint32Array.from(pairs, ({ point }) => point), owners: pairs.map(({ owner }) => owner) }
}

function firstAtOrAfter(points: Uint32Array, value: number): number {
  let [low, high] = [0, points.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (points[middle]! < value) low = middle + 1
    else high = middle
  }
  return low === points.length ? 0 : low
}
