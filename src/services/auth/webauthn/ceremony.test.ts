import { encodeCBOR } from '@levischuck/tiny-cbor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Ceremony, type Kind, SoftAuthenticator } from '../../../../test/support/authenticator.ts'
import type { User } from '../tables/users.ts'
import { readAuthenticatorData } from './authenticator-data.ts'
import { aaguidText, passkeyName } from './authenticators.ts'
import { CeremonyError } from './bytes.ts'
import { assertionResponse, creationResponse, type Expected, type KnownCredential, verifyAssertion, verifyCreation } from './ceremony.ts'
import { readCoseKey } from './cose-key.ts'
import { creationOptions, readKept, requestOptions } from './options.ts'

const rp = { id: 'app.example', name: 'App', origins: ['https://app.example', 'https://www.app.example'] }
const user = {
  id: '6f1e1f6e-0000-4000-8000-000000000001',
  email: 'a@b.example',
  phone: '',
  raw_user_meta_data: { name: 'Ann' },
} as unknown as User
const origin = rp.origins[0]!

function created(device: SoftAuthenticator, wrong: Partial<Ceremony> = {}, expect: Partial<Expected> = {}) {
  const { options, kept } = creationOptions(rp, user, [], {})
  const response = creationResponse.parse(device.create(options, { origin, ...wrong }))
  return verifyCreation(response, { ...readKept(kept, rp), ...expect })
}
const known = ({ id, publicKey, data, signCount }: ReturnType<typeof created>): KnownCredential => ({
  id,
  publicKey,
  signCount,
  backupEligible: data.backupEligible,
})
function asserted(device: SoftAuthenticator, credential: KnownCredential, wrong: Partial<Ceremony> = {}, expect: Partial<Expected> = {}) {
  const { options, kept } = requestOptions(rp, user, [{ id: credential.id, transports: [] }], {})
  const response = assertionResponse.parse(device.get(options, { origin, ...wrong }))
  return verifyAssertion(response, credential, { ...readKept(kept, rp), ...expect })
}

test.each<[Kind, 'none' | 'packed']>([
  ['ES256', 'none'],
  ['RS256', 'none'],
  ['EdDSA', 'none'],
  ['ES256', 'packed'],
])('a credential of %s with attestation %s is accepted, and signs in', (kind, attestation) => {
  const device = new SoftAuthenticator(kind)
  const credential = created(device, { attestation })
  expect(credential).toMatchObject({ transports: ['internal'], signCount: 0, data: { userPresent: true, userVerified: true } })
  expect(credential.attestationType).toBe(attestation === 'none' ? 'none' : 'basic_surrogate')
  expect(asserted(device, known(credential))).toEqual({ signCount: 1, cloneWarning: false })
  expect(asserted(device, known(credential), { origin: 'https://WWW.app.example' })).toMatchObject({ signCount: 2 })
})

const WRONG: readonly [string, Partial<Ceremony>, Partial<Expected>][] = [
  ['for another ceremony', { type: 'payment.get' }, {}],
  ['for another challenge', { challenge: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }, {}],
  ['from another origin', { origin: 'https://app.example.evil.example' }, {}],
  ['from another port', { origin: 'https://app.example:8443' }, {}],
  ['from a frame in another site', { crossOrigin: true }, {}],
  ['for another relying party', { rpId: 'evil.example' }, {}],
  ['without anybody there', { flags: 0x04 }, {}],
  ['without anybody verified, where that is required', { flags: 0x01 }, { userVerification: 'required' }],
  ['backed up without being eligible', { flags: 0x15 }, {}],
]
test.each(WRONG)('a new credential %s is refused', (_what, wrong, expected) => {
  expect(() => created(new SoftAuthenticator(), wrong, expected)).toThrow(CeremonyError)
})
test.each(WRONG)('a signature %s is refused', (_what, wrong, expected) => {
  const device = new SoftAuthenticator()
  const credential = known(created(device))
  expect(() => asserted(device, credential, wrong, expected)).toThrow(CeremonyError)
})

describe('a signature', () => {
  const device = new SoftAuthenticator()
  const credential = known(created(device))
  test('of another key is refused', () => {
    const other = new SoftAuthenticator()
    expect(() => asserted(device, { ...credential, publicKey: other.publicKey() })).toThrow('the signature is wrong')
    expect(() => asserted(other, credential)).toThrow('another credential')
  })
  test('of a credential that has become eligible for backup is refused', () => {
    expect(() => asserted(device, credential, { flags: 0x0d })).toThrow('eligible')
  })
  test('whose counter does not grow raises a warning and keeps the counter', () => {
    expect(asserted(device, { ...credential, signCount: 9 }, { signCount: 9 })).toEqual({ signCount: 9, cloneWarning: true })
    expect(asserted(device, credential, { signCount: 0 })).toEqual({ signCount: 0, cloneWarning: false })
  })
})

test('a packed attestation that the key did not sign is refused, and so is any certificate', () => {
  const { options, kept } = creationOptions(rp, user, [], {})
  const [one, two] = [new SoftAuthenticator(), new SoftAuthenticator()]
  const mine = one.create(options, { origin, attestation: 'packed' })
  const other = two.create(options, { origin, attestation: 'packed' })
  const swapped = Buffer.from(mine.response.attestationObject, 'base64url')
  const signature = Buffer.from(other.response.attestationObject, 'base64url').subarray(30, 90)
  signature.copy(swapped, 30)
  mine.response.attestationObject = swapped.toString('base64url')
  expect(() => verifyCreation(creationResponse.parse(mine), readKept(kept, rp))).toThrow(CeremonyError)
})

test.each([
  [
    'an unknown algorithm',
    [
      [1, 2],
      [3, -65535],
      [-1, 1],
      [-2, new Uint8Array(32)],
      [-3, new Uint8Array(32)],
    ],
  ],
  [
    'a curve of another algorithm',
    [
      [1, 2],
      [3, -7],
      [-1, 2],
      [-2, new Uint8Array(48)],
      [-3, new Uint8Array(48)],
    ],
  ],
  [
    'a point that is not on the curve',
    [
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, new Uint8Array(32)],
      [-3, new Uint8Array(32)],
    ],
  ],
  [
    'a short RSA key',
    [
      [1, 3],
      [3, -257],
      [-1, new Uint8Array(128).fill(255)],
      [-2, new Uint8Array([1, 0, 1])],
    ],
  ],
  [
    'no numbers',
    [
      [1, 2],
      [3, -7],
    ],
  ],
] as const)('a key with %s is refused', (_what, entries) => {
  const cose = encodeCBOR(new Map(entries as unknown as [number, number][]))
  expect(() => readCoseKey(cose)).toThrow(CeremonyError)
})

test('random bytes are refused and nothing else happens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      for (const read of [readAuthenticatorData, readCoseKey])
        try {
          read(Buffer.from(data))
        } catch (error) {
          expect(error).toBeInstanceOf(CeremonyError)
        }
    }),
  )
})

test('a creation with one byte changed never yields another credential', () => {
  const { options, kept } = creationOptions(rp, user, [], {})
  const device = new SoftAuthenticator()
  const response = device.create(options, { origin, attestation: 'packed' })
  const object = Buffer.from(response.response.attestationObject, 'base64url')
  fc.assert(
    fc.property(fc.nat(object.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = Buffer.from(object)
      changed[at] = changed[at]! ^ by
      const parsed = creationResponse.parse({
        ...response,
        response: { ...response.response, attestationObject: changed.toString('base64url') },
      })
      try {
        expect(verifyCreation(parsed, readKept(kept, rp)).id.equals(device.id)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(CeremonyError)
      }
    }),
  )
})

test('deeply nested CBOR is refused', () => {
  expect(() => readCoseKey(Buffer.alloc(500_000, 0x81))).toThrow(CeremonyError)
})

test('names of authenticators', () => {
  const aaguid = Buffer.from('ea9b8d664d011d213ce4b6b48cb575d4', 'hex')
  expect([aaguidText(aaguid), passkeyName(aaguid)]).toEqual(['ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4', 'Google Password Manager'])
  expect(passkeyName(Buffer.alloc(16))).toBe('Passkey')
})

test('what is kept between the requests has the form of upstream’s library', () => {
  const { options, kept } = creationOptions(rp, user, [{ id: Buffer.from('x'), transports: ['usb'] }], {
    residentKey: 'required',
    userVerification: 'preferred',
  })
  expect(options).toMatchObject({
    rp: { name: 'App', id: 'app.example' },
    user: { name: 'a@b.example', displayName: 'Ann', id: Buffer.from(user.id).toString('base64url') },
    timeout: 300_000,
    excludeCredentials: [{ type: 'public-key', id: 'eA', transports: ['usb'] }],
    authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
    attestation: 'none',
  })
  expect(options.pubKeyCredParams[0]).toEqual({ type: 'public-key', alg: -7 })
  expect(kept).toMatchObject({
    challenge: options.challenge,
    rpId: 'app.example',
    user_id: Buffer.from(user.id).toString('base64'),
    expires: '0001-01-01T00:00:00Z',
    userVerification: 'preferred',
  })
  expect(requestOptions(rp, undefined, [], {}).kept).toMatchObject({ user_id: null })
})
