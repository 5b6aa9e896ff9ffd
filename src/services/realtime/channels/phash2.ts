// Erlang's phash2/1 of what JSON can say, as upstream's decoder makes terms of it: the id of a postgres_changes entry is that of its
// object, so that ids are the same here and there. Algorithm and test vectors: erl_term_hashing.c and hash_SUITE.erl of Erlang/OTP.

const GOLDEN = 0x9e3779b9
const times = (factor: number): number => Math.imul(GOLDEN, factor) >>> 0
const NIL = 2
const NIL_ALONE = 3_468_870_702

/** Bob Jenkins' mix of three words; gives the third. */
function mix(a: number, b: number, c: number): number {
  ;[a, b, c] = mixed(a, b, c)
  return c
}

function mixed(first: number, second: number, third: number): [number, number, number] {
  let a = first | 0
  let b = second | 0
  let c = third | 0
  a = (a - b - c) ^ (c >>> 13)
  b = (b - c - a) ^ (a << 8)
  c = (c - a - b) ^ (b >>> 13)
  a = (a - b - c) ^ (c >>> 12)
  b = (b - c - a) ^ (a << 16)
  c = (c - a - b) ^ (b >>> 5)
  a = (a - b - c) ^ (c >>> 3)
  b = (b - c - a) ^ (a << 10)
  c = (c - a - b) ^ (b >>> 15)
  return [a >>> 0, b >>> 0, c >>> 0]
}

const two = (hash: number, x: number, y: number, constant: number): number => mix((constant + x) >>> 0, (constant + y) >>> 0, hash)
const one = (hash: number, x: number, constant: number): number => two(hash, x >>> 0, 0, constant)

/** 0 <= id < 2^27. Throws RangeError for what is nested too deeply to be walked. */
export const phash2 = (value: unknown): number => wholeHash(value) & 0x7ffffff

/** All 32 bits. */
export const wholeHash = (value: unknown): number => walk(value, 0)

function walk(value: unknown, hash: number): number {
  switch (typeof value) {
    case 'string':
      return bytesHash(Buffer.from(value), hash)
    case 'number':
      return Number.isInteger(value) ? integerHash(value, hash) : floatHash(value, hash)
    case 'boolean':
      return atomHash(String(value), hash)
    default:
      if (value === null || value === undefined) return atomHash('nil', hash)
      return Array.isArray(value) ? listHash(value, hash) : mapHash(value as Record<string, unknown>, hash)
  }
}

function bytesHash(bytes: Buffer, hash: number): number {
  const start = (times(13) + hash) >>> 0
  const { length } = bytes
  if (length === 0) return start
  let a = GOLDEN
  let b = GOLDEN
  let c = start
  let at = 0
  for (; length - at >= 12; at += 12)
    [a, b, c] = mixed(a + bytes.readUInt32LE(at), b + bytes.readUInt32LE(at + 4), c + bytes.readUInt32LE(at + 8))
  c += length
  // The last eleven bytes at most; the lowest byte of the third word is kept for the length.
  const left = Buffer.alloc(12)
  bytes.copy(left, 0, at)
  const third = left.readUInt32LE(8)
  return mix(a + left.readUInt32LE(0), b + left.readUInt32LE(4), (c + third * 0x100) >>> 0)
}

function integerHash(value: number, hash: number): number {
  if (value >= -(2 ** 27) && value < 2 ** 27) {
    const once = value < 0 ? one(hash, -value, GOLDEN) : hash
    return one(once, value, GOLDEN)
  }
  let rest = BigInt(Math.abs(value))
  const constant = times(value < 0 ? 10 : 11)
  let result = hash
  do {
    result = two(result, Number(rest & 0xffffffffn), Number((rest >> 32n) & 0xffffffffn), constant)
    rest >>= 64n
  } while (rest > 0n)
  return result
}

function floatHash(value: number, hash: number): number {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return two(hash, bytes.readUInt32BE(0), bytes.readUInt32BE(4), times(12))
}

/** The hash of P. J. Weinberger over the name. */
export function atomHash(name: string, hash: number): number {
  let value = 0
  for (const byte of Buffer.from(name)) {
    value = ((value << 4) + byte) >>> 0
    const high = value & 0xf0000000
    if (high !== 0) value = (value ^ (high >>> 24) ^ high) >>> 0
  }
  return hash === 0 ? value : one(hash, value, times(3))
}

/** Runs of bytes are hashed four at a time, as Erlang does for its strings. */
function listHash(list: readonly unknown[], before: number): number {
  let hash = before
  let at = 0
  while (at < list.length) {
    let count = 0
    let word = 0
    for (; at < list.length && isByte(list[at]); at++) {
      word = ((word << 8) + (list[at] as number)) >>> 0
      if (count === 3) {
        hash = one(hash, word, times(4))
        count = 0
        word = 0
      } else count++
    }
    if (count > 0) hash = one(hash, word, times(4))
    if (at < list.length) hash = walk(list[at++], hash)
  }
  return hash === 0 ? NIL_ALONE : one(hash, NIL, times(2))
}

const isByte = (value: unknown): boolean => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255

function mapHash(map: Readonly<Record<string, unknown>>, hash: number): number {
  const keys = Object.keys(map)
  const sized = one(hash, keys.length, times(16))
  if (keys.length === 0) return sized
  let pairs = 0
  for (const key of keys) pairs ^= walk(map[key], walk(key, 0))
  return one(sized, pairs, times(19))
}
