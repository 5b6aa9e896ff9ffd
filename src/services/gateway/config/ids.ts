// Ids that stay the same over restarts: made from an entity's own name, as UUIDs of version 5.
import { createHash } from 'node:crypto'

const NAMESPACE = Buffer.from('6f9c3b6e2f0b4d0fa7c8f1d0e5b7a942', 'hex')

export function stableId(kind: string, name: string): string {
  const hash = createHash('sha1').update(NAMESPACE).update(`${kind}:${name}`).digest()
  hash[6] = (hash[6]! & 0x0f) | 0x50
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
