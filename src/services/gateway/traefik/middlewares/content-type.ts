// Tells the type of an answer that says none, by its first bytes. Upstream: `contentType` (Go's DetectContentType).
import { z } from 'zod'
import type { HeaderTable } from '../../header-table.ts'
import { PassingAnswer } from '../answer.ts'
import { flag } from '../config/types.ts'
import { defineMiddleware } from './middleware.ts'

export const contentType = defineMiddleware({
  name: 'contentType',
  config: z.object({ autoDetect: flag.optional() }),
  build({ autoDetect = true }) {
    return (next) => (autoDetect ? (flight, answer) => next(flight, new Detecting(answer)) : next)
  },
})

class Detecting extends PassingAnswer {
  #held: { status: number; headers: HeaderTable } | undefined
  override head(status: number, headers: HeaderTable): void {
    if (headers.has('content-type') || headers.has('content-encoding') || status === 101 || status === 204 || status === 304)
      this.next.head(status, headers)
    else this.#held = { status, headers }
  }
  override write(chunk: Buffer): boolean {
    this.#release(chunk)
    return this.next.write(chunk)
  }
  override end(trailers?: readonly [string, string][]): void {
    this.#release(undefined)
    this.next.end(trailers)
  }
  override get begun(): boolean {
    return this.#held !== undefined || this.next.begun
  }
  #release(first: Buffer | undefined): void {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    if (first) held.headers.set('Content-Type', detectType(first))
    this.next.head(held.status, held.headers)
  }
}

const SIGNATURES: readonly (readonly [RegExp, string])[] = [
  [/^\s*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)(?=[\s>])/i, 'text/html; charset=utf-8'],
  [/^\s*<\?xml/, 'text/xml; charset=utf-8'],
  [/^%PDF-/, 'application/pdf'],
  [/^%!PS-Adobe-/, 'application/postscript'],
  [/^\x89PNG\r\n\x1a\n/, 'image/png'],
  [/^\xff\xd8\xff/, 'image/jpeg'],
  [/^GIF8[79]a/, 'image/gif'],
  [/^RIFF[\s\S]{4}WEBPVP/, 'image/webp'],
  [/^BM/, 'image/bmp'],
  [/^\x00\x00\x01\x00/, 'image/x-icon'],
  [/^\x1f\x8b\x08/, 'application/x-gzip'],
  [/^PK\x03\x04/, 'application/zip'],
  [/^wOFF/, 'font/woff'],
  [/^wOF2/, 'font/woff2'],
  [/^OggS\x00/, 'application/ogg'],
  [/^\x00asm/, 'application/wasm'],
  [/^\xfe\xff/, 'text/plain; charset=utf-16be'],
  [/^\xff\xfe/, 'text/plain; charset=utf-16le'],
  [/^\xef\xbb\xbf/, 'text/plain; charset=utf-8'],
]

export function detectType(bytes: Buffer): string {
  const text = bytes.subarray(0, 512).toString('latin1')
  for (const [signature, type] of SIGNATURES) if (signature.test(text)) return type
  return /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/.test(text) ? 'application/octet-stream' : 'text/plain; charset=utf-8'
}
