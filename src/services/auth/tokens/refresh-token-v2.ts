// Refresh tokens of version 2: session and counter in the token itself, signed by a key of the session. No row per token.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export interface RefreshTokenV2 {
  readonly sessionId: string
  readonly counter: number
  /** What the signature covers. */
  readonly signed: Buffer
  readonly signature: Buffer
}

const VERSION = 0
const SIGNATURE_BYTES = 16
const CHECKSUM_BYTES = 4

/** base64url of: version, session id, counter (varint), 16 bytes of HMAC-SHA-256, 4 bytes of SHA-256 over all before. */
export function encodeRefreshToken(sessionId: string, counter: number, key: Buffer): string {
  const body = Buffer.concat([Buffer.from([VERSION]), Buffer.from(sessionId.replaceAll('-', ''), 'hex'), varint(counter)])
  const signed = Buffer.concat([body, sign(body, key)])
  return Buffer.concat([signed, checksum(signed)]).toString('base64url')
}

/** Undefined for anything that is not whole: a slip of the pen never reaches the database. */
export function decodeRefreshToken(token: string): RefreshTokenV2 | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(token) || token.length > 128) return undefined
  const bytes = Buffer.from(token, 'base64url')
  const end = bytes.length - SIGNATURE_BYTES - CHECKSUM_BYTES
  if (end < 18 || bytes[0] !== VERSION || bytes.toString('base64url') !== token) return undefined
  const sum = bytes.subarray(bytes.length - CHECKSUM_BYTES)
  if (!checksum(bytes.subarray(0, bytes.length - CHECKSUM_BYTES)).equals(sum)) return undefined
  const counter = readVarint(bytes.subarray(17, end))
  if (counter === undefined) return undefined
  const hex = bytes.toString('hex', 1, 17)
  const sessionId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  return { sessionId, counter, signed: bytes.subarray(0, end), signature: bytes.subarray(end, end + SIGNATURE_BYTES) }
}

export const isSignedBy = (token: RefreshTokenV2, key: Buffer): boolean => timingSafeEqual(sign(token.signed, key), token.signature)

const sign = (body: Buffer, key: Buffer) => createHmac('sha256', key).update(body).digest().subarray(0, SIGNATURE_BYTES)
const checksum = (bytes: Buffer) => createHash('sha256').update(bytes).digest().subarray(0, CHECKSUM_BYTES)

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low | 128 : low)
  } while (rest > 0)
  return Buffer.from(bytes)
}

function readVarint(bytes: Buffer): number | undefined {
  let value = 0
  for (const [index, byte] of bytes.entries()) {
    value += (byte & 127) * 128 ** index
    if (value > Number.MAX_SAFE_INTEGER) return undefined
    if ((byte & 128) === 0) return index === bytes.length - 1 ? value : undefined
  }
  return undefined
}
