// The checksums that a client may send with a body, beside it in a header or behind it in a trailer.
import { createHash, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Crc64, crc32c, crc64nvme, EMPTY_CRC64 } from './crc.ts'

export interface Checksum {
  update(bytes: Uint8Array): void
  digest(): Buffer
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function running(step: (bytes: Uint8Array, before: number) => number): Checksum {
  let value = 0
  return {
    update: (bytes) => {
      value = step(bytes, value)
    },
    digest: () => word(value),
  }
}

function running64(): Checksum {
  let value: Crc64 = EMPTY_CRC64
  return {
    update: (bytes) => {
      value = crc64nvme(bytes, value)
    },
    digest: () => Buffer.concat([word(value.high), word(value.low)]),
  }
}

const MAKERS: ReadonlyMap<string, () => Checksum> = new Map([
  ['x-amz-checksum-crc32', () => running((bytes, before) => crc32(bytes, before))],
  ['x-amz-checksum-crc32c', () => running(crc32c)],
  ['x-amz-checksum-crc64nvme', running64],
  ['x-amz-checksum-sha1', () => createHash('sha1')],
  ['x-amz-checksum-sha256', () => createHash('sha256')],
  ['content-md5', () => createHash('md5')],
])

/** By the header's name; undefined for a header that carries no checksum. */
export const checksumFor = (header: string): Checksum | undefined => MAKERS.get(header)?.()

export const isChecksum = (header: string): boolean => MAKERS.has(header)

/** `base64` is what the client says. */
export function agrees(checksum: Checksum, base64: string): boolean {
  const right = checksum.digest()
  const given = Buffer.from(base64, 'base64')
  return given.length === right.length && timingSafeEqual(given, right)
}
