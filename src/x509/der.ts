// The few forms of ASN.1's DER that a certificate is written in. Writing only: nothing here reads what others wrote.

/** Tag, length, content. */
function element(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

export const sequence = (...items: Uint8Array[]): Buffer => element(0x30, ...items)
export const set = (...items: Uint8Array[]): Buffer => element(0x31, ...items)
export const octets = (bytes: Uint8Array): Buffer => element(0x04, bytes)
export const bits = (bytes: Uint8Array, unused = 0): Buffer => element(0x03, Buffer.from([unused]), bytes)
export const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text))
export const printable = (text: string): Buffer => element(0x13, Buffer.from(text, 'latin1'))
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]))
/** `[n]` around whole elements. */
export const explicit = (n: number, ...items: Uint8Array[]): Buffer => element(0xa0 + n, ...items)
/** `[n]` in the place of a primitive element's own tag. */
export const implicit = (n: number, bytes: Uint8Array): Buffer => element(0x80 + n, bytes)

/** A positive whole number, from its bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let at = 0
  while (at < bytes.length - 1 && bytes[at] === 0) at++
  const plain = bytes.subarray(at)
  return element(0x02, plain[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), plain]) : plain)
}

/** Dotted, as the standards write it. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return element(0x06, Buffer.from(bytes))
}

/** UTCTime until 2049, as X.509 asks; the moment to the second. */
export function utcTime(when: Date): Buffer {
  const text = when.toISOString().replace(/[-:T]/g, '').slice(2, 14)
  return element(0x17, Buffer.from(`${text}Z`))
}

/** GeneralizedTime, which X.509 asks for from 2050 on. */
export const generalizedTime = (when: Date): Buffer =>
  element(0x18, Buffer.from(`${when.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`))
