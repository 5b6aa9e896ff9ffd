// Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds, one step of drift either way.
import { createHmac, randomBytes } from 'node:crypto'
import { renderSVG } from 'uqr'
import { queryEscape } from '../request/form.ts'
import { sameText } from '../request/pkce.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const STEP_MS = 30_000
const SECRET_BYTES = 20

/** 160 random bits in base32. */
export const newSecret = (): string => toBase32(randomBytes(SECRET_BYTES))

export function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')
}

export function fromBase32(text: string): Buffer {
  const bits = [...text.toUpperCase().replace(/=+$/, '')].map((c) => Math.max(0, ALPHABET.indexOf(c)).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

export function codeAt(secret: string, nowMs: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / STEP_MS)))
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest()
  const at = mac[19]! & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** All three steps are compared, whichever fits. */
export function isTotp(secret: string, code: string, nowMs = Date.now()): boolean {
  const given = code.trim()
  return [0, -1, 1].map((step) => sameText(codeAt(secret, nowMs + step * STEP_MS), given)).some(Boolean)
}

/** What an authenticator app scans. */
export function otpauthUri(issuer: string, account: string, secret: string): string {
  const label = encodeURI(`${issuer}:${account}`).replace(/[?#]/g, (c) => queryEscape(c))
  const blank = (text: string) => queryEscape(text).replaceAll('+', '%20')
  return `otpauth://totp/${label}?algorithm=SHA1&digits=6&issuer=${blank(issuer)}&period=30&secret=${secret}`
}

/** The picture as SVG text: clients put `data:image/svg+xml;utf-8,` before it. */
export const qrSvg = (text: string): string => renderSVG(text, { ecc: 'H', pixelSize: 3, border: 4 })
