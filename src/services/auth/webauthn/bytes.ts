// The encodings of WebAuthn: base64url in what browsers send, CBOR in what authenticators make.
import { decodeCBOR, decodePartialCBOR } from '@levischuck/tiny-cbor'
import { z } from 'zod'

/** What an authenticator or a browser sent is not what it should be. Its message is for the log. */
export class CeremonyError extends Error {
  override readonly name = 'CeremonyError'
}

/** Bytes as JSON carries them; padding is let pass, as browsers' helpers differ. */
export const bytes = z
  .string()
  .regex(/^[A-Za-z0-9_-]*={0,2}$/)
  .transform((value) => Buffer.from(value, 'base64url'))

export type CborMap = ReadonlyMap<unknown, unknown>

function wellFormed<Value>(decode: () => Value): Value {
  try {
    return decode()
  } catch (error) {
    throw new CeremonyError('malformed CBOR', { cause: error })
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength)

export function decodeMap(data: Uint8Array): CborMap {
  const value: unknown = wellFormed(() => decodeCBOR(viewOf(data)))
  if (!(value instanceof Map)) throw new CeremonyError('not a CBOR map')
  return value
}

/** The map at an offset, and how many bytes it takes. */
export function decodeMapAt(data: Uint8Array, offset: number): { readonly map: CborMap; readonly length: number } {
  const [value, length] = wellFormed(() => decodePartialCBOR(viewOf(data), offset)) as [unknown, number]
  if (!(value instanceof Map)) throw new CeremonyError('not a CBOR map')
  return { map: value, length }
}
