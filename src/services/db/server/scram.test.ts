import fc from 'fast-check'
import { expect, test } from 'vitest'
import { verifierOf, verifies } from './scram.ts'

test('verifierOf() gives what Postgres stores', async () => {
  // RFC 7677's exchange: user `user`, password `pencil`.
  expect(await verifierOf('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})

test.each([[null], [''], ['md5abc'], ['SCRAM-SHA-256$4096:AAAA$x:y'], ['SCRAM-SHA-256$']])('verifies() says no to %j', async (stored) => {
  expect(await verifies('x', stored)).toBe(false)
})

test('verifies() knows its own and no other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string({ minLength: 1 }), async (password, more) => {
      const stored = await verifierOf(password)
      expect(await verifies(password, stored)).toBe(true)
      expect(await verifies(`${password}x${more}`, stored)).toBe(false)
    }),
    { numRuns: 20 },
  )
})
