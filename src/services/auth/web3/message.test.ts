import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AuthError } from '../errors.ts'
import { decodeBase58 } from './base58.ts'
import { readMessage } from './message.ts'

const ADDRESS = { solana: '11111111111111111111111111111111', ethereum: '0x52908400098527886E0F7030069857D2E4169EE7' }
const message = (chain: 'solana' | 'ethereum', change: Record<string, string> = {}) => {
  const at = {
    first: `app.example wants you to sign in with your ${chain === 'solana' ? 'Solana' : 'Ethereum'} account:`,
    address: ADDRESS[chain],
    third: '',
    statement: 'Hello\n',
    uri: 'URI: https://app.example/in',
    version: 'Version: 1',
    chain: chain === 'solana' ? 'Chain ID: solana:mainnet' : 'Chain ID: 1',
    nonce: 'Nonce: 12345678',
    issued: 'Issued At: 2026-01-02T03:04:05.678Z',
    ...change,
  }
  return Object.values(at).join('\n')
}

test('readMessage() reads all that counts', () => {
  expect(
    readMessage('solana', message('solana', { more: 'Expiration Time: 2026-01-02T04:04:06+01:00\nResources:\n- https://a/b\n- ipfs://c' })),
  ).toMatchObject({
    domain: 'app.example',
    address: ADDRESS.solana,
    statement: 'Hello',
    uriText: 'https://app.example/in',
    chainId: 'solana:mainnet',
    issuedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    expiresAt: Date.UTC(2026, 0, 2, 3, 4, 6),
  })
})

test('readMessage() takes an Ethereum address in any case for one, and a statement for optional', () => {
  const { address, statement } = readMessage('ethereum', message('ethereum', { statement: '' }))
  expect([address, statement]).toEqual([ADDRESS.ethereum.toLowerCase(), undefined])
})

describe('readMessage() refuses', () => {
  test.each<[Record<string, string>, string]>([
    [{ first: 'app.example wants us to sign in:' }, 'message first line does not end in " wants you to sign in with your Solana account:"'],
    [{ first: 'app_example wants you to sign in with your Solana account:' }, 'domain in first line of message is not valid'],
    [{ address: '0x0' }, 'wallet address is not in base58 format'],
    [{ third: 'x' }, 'third line must be empty'],
    [{ uri: 'URI: nothing' }, 'URI is not valid'],
    [{ uri: 'X: y' }, 'URI is not specified'],
    [{ version: 'Version: 2' }, 'Version value is not supported, expected 1 got "2"'],
    [{ chain: 'Chain ID: mainnet' }, 'Chain ID is not valid'],
    [{ nonce: 'no colon' }, 'encountered unparsable line at index 8'],
    [{ issued: 'Issued At: yesterday' }, 'Issued At is not a valid ISO8601 timestamp'],
    [{ issued: 'Issued At: 2026-02-30T00:00:00Z' }, 'Issued At is not a valid ISO8601 timestamp'],
    [{ issued: 'Nonce: 1' }, 'Issued At is not specified'],
    [{ more: 'Expiration Time: 2020-01-01T00:00:00Z' }, 'Issued At is after Expiration Time'],
    [{ more: 'Expiration Time: x' }, 'Expiration Time is not a valid ISO8601 timestamp'],
    [{ more: 'Not Before: x' }, 'Not Before is not a valid ISO8601 timestamp'],
    [{ more: 'Not Before: 2027-01-01T00:00:00Z\nExpiration Time: 2026-06-01T00:00:00Z' }, 'Not Before is after Expiration Time'],
    [{ more: 'Resources:\n- https://a\n- b' }, 'Resource at position 1 has invalid URI'],
  ])('%j: %s', (change, words) => {
    expect(() => readMessage('solana', message('solana', change))).toThrow(`siws: ${words}`)
  })
  test('a short one', () => {
    expect(() => readMessage('ethereum', 'a\nb')).toThrow('siwe: message needs at least 6 lines')
  })
  test('anything else as an error of the caller', () => {
    fc.assert(
      fc.property(fc.constantFrom('solana' as const, 'ethereum' as const), fc.array(fc.string(), { maxLength: 8 }), (chain, lines) => {
        const whole = message(chain).split('\n')
        const mixed = [...whole.slice(0, 2), '', ...lines].join('\n')
        try {
          expect(readMessage(chain, mixed).domain).toBe('app.example')
        } catch (error) {
          expect(error).toBeInstanceOf(AuthError)
        }
      }),
    )
  })
})

test.each([
  ['11111111111111111111111111111111', '00'.repeat(32)],
  ['2NEpo7TZRRrLZSi2U', Buffer.from('Hello World!').toString('hex')],
  ['1', '00'],
  ['', ''],
])('decodeBase58(%s)', (text, hex) => {
  expect(Buffer.from(decodeBase58(text)!).toString('hex')).toBe(hex)
})
test.each(['0', 'O', 'I', 'l', ' '])('decodeBase58(%j) is nothing', (text) => {
  expect(decodeBase58(text)).toBeUndefined()
})
