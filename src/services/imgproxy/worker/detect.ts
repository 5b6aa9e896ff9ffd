// What a picture is, by its first bytes: names and types that somebody gave it count for nothing.
import type { Format } from '../formats.ts'

const HEIC_BRANDS: ReadonlySet<string> = new Set(['heic', 'heix', 'hevc', 'heim', 'heis', 'hevm', 'hevs', 'mif1', 'msf1'])

export function detectFormat(bytes: Buffer, maxSvgCheckBytes: number): Format | undefined {
  const text = (from: number, to: number): string => bytes.toString('latin1', from, to)
  if (bytes.length < 4) return undefined
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return 'jpeg'
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png'
  if (text(0, 4) === 'GIF8') return 'gif'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp'
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*') return 'tiff'
  if (text(0, 4) === '\0\0\x01\0') return 'ico'
  if (text(0, 2) === 'BM' && bytes.length > 26) return 'bmp'
  if (text(4, 8) === 'ftyp') return isobmff(bytes)
  return isSvg(bytes.toString('utf8', 0, Math.min(bytes.length, maxSvgCheckBytes))) ? 'svg' : undefined
}

/** The brands of a file of the MP4 family. */
function isobmff(bytes: Buffer): Format | undefined {
  const end = Math.min(bytes.length, Math.max(16, bytes.readUInt32BE(0)), 256)
  const brands: string[] = []
  for (let at = 8; at + 4 <= end; at += 4) if (at !== 12) brands.push(bytes.toString('latin1', at, at + 4))
  if (brands.includes('avif') || brands.includes('avis')) return 'avif'
  return brands.some((brand) => HEIC_BRANDS.has(brand)) ? 'heic' : undefined
}

/** The first element is `svg`; before it only what XML allows. */
export function isSvg(beginning: string): boolean {
  let rest = beginning.replace(/^\uFEFF/, '').trimStart()
  for (let steps = 0; steps < 200; steps++) {
    if (/^<(?:[a-zA-Z_][\w.-]*:)?svg[\s/>]/.test(rest)) return true
    const end = rest.startsWith('<?')
      ? rest.indexOf('?>') + 2
      : rest.startsWith('<!--')
        ? rest.indexOf('-->', 4) + 3
        : /^<!doctype/i.test(rest)
          ? endOfDoctype(rest)
          : 0
    if (end < 4) return false
    rest = rest.slice(end).trimStart()
  }
  return false
}

/** Behind the `>` of a document type, which may have a subset in brackets. */
export function endOfDoctype(text: string): number {
  let quote = ''
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (quote !== '') {
      if (char === quote) quote = ''
    } else if (char === '"' || char === "'") quote = char
    else if (char === '[') depth++
    else if (char === ']') depth--
    else if (char === '>' && depth <= 0) return at + 1
  }
  return 0
}
