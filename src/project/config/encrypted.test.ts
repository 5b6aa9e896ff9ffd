import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decrypt, privateKeys } from './encrypted.ts'

// Made with the reference implementation of the format; both roots of the shared point occur among them.
const VALUES = [
  'encrypted:BIUQon/K2P5m+cjsZ8vL2XrkFpwBam8G3ICXSGD8JYpbRNByg4pmQcg28QyV9FufEkpseWW5/XWM8XkzOBEQU/6SoyrbKIz0OYi4vSvCcmJMHxFYfXFxTyHwOj3jZ8Nc3Oio8rUikfkgSVDHtgKGzg==',
  'encrypted:BI0G5wMQ7WzokiV2h0I0azo3NDvLqM+JAwE1T5B1UgPOkeWs30l0tUw/JbQpLN9biKo8cxedT9gbrGFAERMkJoghZ7b30tXhcFbJ1ngcBVwdZPVPNh+n85mQYifRHB/q4jZXAFoAqRHVI5v/bNkUwQ==',
  'encrypted:BJnAO4lyBJS68R/D3XBl0sS0TNCDbK42BrJh+9VMjdFAnEYSYmoz+H+MuUrmEzN7VvW8jxfvh1/EhLMjRrNdQ29i8W0tmXlh9TveHpXdMoPexFoqYTinFmuVwMznllDL6Xyr/4/RPgYOn1XDXBMQdQ==',
  'encrypted:BHAY/7B0tlmK3K9gzRegQd1kVuYvXI9t4sKJH5T6M0MJh7N5vsiTyoh4XFFC4mulZJGSK/+tiSQTRfBiwtcw9E7xni1Oi0LJAOHblG3cK2zqjYbiWtgE7IFyAv0+NOla/Aufj5O3rJLiC2dMXYQWIQ==',
]

test.each(VALUES.map((value, index) => [index, value] as const))('value %i is opened by its key and by no other', (index, value) => {
  expect(decrypt(value, ['a1'.repeat(32)])).toBe(`s3cret-vàlue ${index}`)
  expect(decrypt(value, ['a2'.repeat(32)])).toBeUndefined()
})
test('any other bytes are no value', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = `encrypted:${Buffer.from([4, ...bytes]).toString('base64')}`
      expect(decrypt(text, ['a1'.repeat(32), '00'.repeat(32)])).toBeUndefined()
    }),
    { numRuns: 50 },
  )
})
test('keys are taken from DOTENV_PRIVATE_KEY and its variants', () => {
  expect(
    privateKeys({ DOTENV_PRIVATE_KEY: 'a1'.repeat(32), DOTENV_PRIVATE_KEY_CI: `${'B2'.repeat(32)}, junk`, OTHER: 'c3'.repeat(32) }),
  ).toEqual(['a1'.repeat(32), 'B2'.repeat(32)])
})
