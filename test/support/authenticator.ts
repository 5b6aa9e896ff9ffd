// An authenticator in software: makes credentials and signs with them as a browser's would. What a test wants wrong, it says.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { type CBORType, encodeCBOR } from '@levischuck/tiny-cbor'

export type Kind = 'ES256' | 'RS256' | 'EdDSA'

export interface Ceremony {
  readonly origin: string
  /** Changes what is signed, before it is signed. */
  readonly flags?: number
  readonly type?: string
  readonly crossOrigin?: boolean
  readonly challenge?: string
  readonly rpId?: string
  readonly attestation?: 'none' | 'packed'
  readonly userHandle?: string | null
  readonly signCount?: number
}

// biome-ignore lint/suspicious/noExplicitAny: JSON on its way to a service under test
type Json = any

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest()
const b64 = (data: Uint8Array | string): string => Buffer.from(data).toString('base64url')

const PRESENT_AND_VERIFIED = 0x05
const HAS_CREDENTIAL = 0x40

export class SoftAuthenticator {
  readonly id = randomBytes(32)
  readonly #kind: Kind
  readonly #aaguid: Buffer
  readonly #key: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  #userHandle = ''
  #count = 0

  constructor(kind: Kind = 'ES256', aaguid = '00000000-0000-0000-0000-000000000000') {
    this.#kind = kind
    this.#aaguid = Buffer.from(aaguid.replaceAll('-', ''), 'hex')
    this.#key =
      kind === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : kind === 'RS256'
          ? generateKeyPairSync('rsa', { modulusLength: 2048 })
          : generateKeyPairSync('ed25519')
  }

  /** The answer to `navigator.credentials.create`. */
  create(options: Json, ceremony: Ceremony): Json {
    this.#userHandle = options.user.id
    const clientData = this.#clientData('webauthn.create', options.challenge, ceremony)
    const credential = Buffer.concat([this.#aaguid, Buffer.from([0, this.id.length]), this.id, this.publicKey()])
    const authData = Buffer.concat([
      this.#head(ceremony.rpId ?? options.rp.id, (ceremony.flags ?? PRESENT_AND_VERIFIED) | HAS_CREDENTIAL, 0),
      credential,
    ])
    const statement: Map<string, CBORType> =
      ceremony.attestation === 'packed'
        ? new Map<string, CBORType>([
            ['alg', this.#algorithm()],
            ['sig', this.#sign(Buffer.concat([authData, sha256(clientData)]))],
          ])
        : new Map()
    const attestationObject = encodeCBOR(
      new Map<string, CBORType>([
        ['fmt', ceremony.attestation ?? 'none'],
        ['attStmt', statement],
        ['authData', new Uint8Array(authData)],
      ]),
    )
    return {
      id: b64(this.id),
      rawId: b64(this.id),
      type: 'public-key',
      authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response: { clientDataJSON: b64(clientData), attestationObject: b64(attestationObject), transports: ['internal'] },
    }
  }

  /** The answer to `navigator.credentials.get`. */
  get(options: Json, ceremony: Ceremony): Json {
    const clientData = this.#clientData('webauthn.get', options.challenge, ceremony)
    const count = ceremony.signCount ?? ++this.#count
    const authData = this.#head(ceremony.rpId ?? options.rpId, ceremony.flags ?? PRESENT_AND_VERIFIED, count)
    const handle = ceremony.userHandle === undefined ? this.#userHandle : ceremony.userHandle
    return {
      id: b64(this.id),
      rawId: b64(this.id),
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: b64(clientData),
        authenticatorData: b64(authData),
        signature: b64(this.#sign(Buffer.concat([authData, sha256(clientData)]))),
        userHandle: handle,
      },
    }
  }

  /** COSE. */
  publicKey(): Buffer {
    const jwk = this.#key.publicKey.export({ format: 'jwk' })
    const part = (name: 'x' | 'y' | 'n' | 'e') => new Uint8Array(Buffer.from(jwk[name] as string, 'base64url'))
    const entries: [number, CBORType][] =
      this.#kind === 'ES256'
        ? [
            [1, 2],
            [3, -7],
            [-1, 1],
            [-2, part('x')],
            [-3, part('y')],
          ]
        : this.#kind === 'RS256'
          ? [
              [1, 3],
              [3, -257],
              [-1, part('n')],
              [-2, part('e')],
            ]
          : [
              [1, 1],
              [3, -8],
              [-1, 6],
              [-2, part('x')],
            ]
    return Buffer.from(encodeCBOR(new Map<string | number, CBORType>(entries)))
  }

  #algorithm(): number {
    return { ES256: -7, RS256: -257, EdDSA: -8 }[this.#kind]
  }

  #clientData(type: string, challenge: string, ceremony: Ceremony): string {
    const crossOrigin = ceremony.crossOrigin ?? false
    return JSON.stringify({ type: ceremony.type ?? type, challenge: ceremony.challenge ?? challenge, origin: ceremony.origin, crossOrigin })
  }

  #head(rpId: string, flags: number, count: number): Buffer {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(count)
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), counter])
  }

  #sign(data: Buffer): Uint8Array {
    return new Uint8Array(sign(this.#kind === 'EdDSA' ? null : 'sha256', data, this.#key.privateKey))
  }
}
