// The cyclic checksums of S3 that Node does not bring: CRC-32C (Castagnoli) and CRC-64/NVME, eight bytes at a time.

/** Eight tables, one behind another: entry `256 * k + byte` is the byte's remainder k bytes further on. */
function tables32(polynomial: number): Uint32Array {
  const table = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1
    table[byte] = rest >>> 0
  }
  for (let at = 256; at < table.length; at++) table[at] = (table[at - 256]! >>> 8) ^ table[table[at - 256]! & 255]!
  return table
}

const CASTAGNOLI = tables32(0x82f63b78)

/** `crc` is what the bytes before gave; 0 at the start. */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  const t = CASTAGNOLI
  let rest = ~crc
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    rest ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    rest =
      t[1792 + (rest & 255)]! ^
      t[1536 + ((rest >>> 8) & 255)]! ^
      t[1280 + ((rest >>> 16) & 255)]! ^
      t[1024 + (rest >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) rest = (rest >>> 8) ^ t[(rest ^ bytes[at]!) & 255]!
  return ~rest >>> 0
}

/** 64 bits in two words: JavaScript's own 64-bit integers are a hundred times slower. */
export interface Crc64 {
  readonly high: number
  readonly low: number
}
export const EMPTY_CRC64: Crc64 = { high: 0, low: 0 }

function tables64(polynomialHigh: number, polynomialLow: number): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(8 * 256)
  const low = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let h = 0
    let l = byte
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1
      l = (l >>> 1) | ((h & 1) << 31)
      h >>>= 1
      if (odd) {
        h ^= polynomialHigh
        l ^= polynomialLow
      }
    }
    high[byte] = h >>> 0
    low[byte] = l >>> 0
  }
  for (let at = 256; at < high.length; at++) {
    const h = high[at - 256]!
    const l = low[at - 256]!
    high[at] = (h >>> 8) ^ high[l & 255]!
    low[at] = ((l >>> 8) | (h << 24)) ^ low[l & 255]!
  }
  return { high, low }
}

// The reflected polynomial of CRC-64/NVME: 9A6C9329 AC4BC9B5.
const NVME = tables64(0x9a6c9329, 0xac4bc9b5)

export function crc64nvme(bytes: Uint8Array, crc: Crc64 = EMPTY_CRC64): Crc64 {
  const { high: h, low: l } = NVME
  let high = ~crc.high
  let low = ~crc.low
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    low ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    high ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)
    const a = 1792 + (low & 255)
    const b = 1536 + ((low >>> 8) & 255)
    const c = 1280 + ((low >>> 16) & 255)
    const d = 1024 + (low >>> 24)
    const e = 768 + (high & 255)
    const f = 512 + ((high >>> 8) & 255)
    const g = 256 + ((high >>> 16) & 255)
    const i = high >>> 24
    high = h[a]! ^ h[b]! ^ h[c]! ^ h[d]! ^ h[e]! ^ h[f]! ^ h[g]! ^ h[i]!
    low = l[a]! ^ l[b]! ^ l[c]! ^ l[d]! ^ l[e]! ^ l[f]! ^ l[g]! ^ l[i]!
  }
  for (; at < bytes.length; at++) {
    const index = (low ^ bytes[at]!) & 255
    low = ((low >>> 8) | (high << 24)) ^ l[index]!
    high = (high >>> 8) ^ h[index]!
  }
  return { high: ~high >>> 0, low: ~low >>> 0 }
}
