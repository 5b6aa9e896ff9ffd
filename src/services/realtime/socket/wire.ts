// Frames as they go out: the WebSocket's own header and the message in one buffer, made once and written to every socket that gets it.

export interface WireFrame {
  /** Header and message (RFC 6455, unmasked, never fragmented). */
  readonly bytes: Buffer
  readonly headerLength: number
  readonly binary: boolean
}

const TEXT = 0x81
const BINARY = 0x82

export function textFrame(text: string): WireFrame {
  const length = Buffer.byteLength(text)
  const { bytes, headerLength } = framed(TEXT, length)
  bytes.write(text, headerLength)
  return { bytes, headerLength, binary: false }
}

export const binaryFrame = (parts: readonly Uint8Array[]): WireFrame => joined(BINARY, parts)

/** Of texts that are bytes already: nothing is decoded only to be encoded again. */
export const textFrameOf = (parts: readonly Uint8Array[]): WireFrame => joined(TEXT, parts)

function joined(kind: number, parts: readonly Uint8Array[]): WireFrame {
  let length = 0
  for (const part of parts) length += part.length
  const { bytes, headerLength } = framed(kind, length)
  let at = headerLength
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return { bytes, headerLength, binary: kind === BINARY }
}

/** The message without the WebSocket's header: for those who listen by other ways. */
export const messageOf = ({ bytes, headerLength }: WireFrame): Buffer => bytes.subarray(headerLength)

function framed(kind: number, length: number): { bytes: Buffer; headerLength: number } {
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const bytes = Buffer.allocUnsafe(headerLength + length)
  bytes[0] = kind
  if (headerLength === 2) bytes[1] = length
  else if (headerLength === 4) {
    bytes[1] = 126
    bytes.writeUInt16BE(length, 2)
  } else {
    bytes[1] = 127
    bytes.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
    bytes.writeUInt32BE(length >>> 0, 6)
  }
  return { bytes, headerLength }
}
