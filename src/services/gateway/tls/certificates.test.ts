import { expect, test } from 'vitest'
import { Certificates, namesOf } from './certificates.ts'
import { selfSigned } from './self-signed.ts'

const [exact, wild, other] = [selfSigned(['api.example.org']), selfSigned(['*.example.org']), selfSigned(['x.test', '127.0.0.1'])]

test('an exact name goes before a wildcard, which is one label deep', () => {
  const certificates = new Certificates()
  certificates.set('file', [wild, exact])
  const [one, any] = [certificates.contextFor('API.example.org'), certificates.contextFor('www.example.org')]
  expect(one).toBeDefined()
  expect(any).toBeDefined()
  expect(one).not.toBe(any)
  for (const name of ['example.org', 'a.b.example.org', 'example.com', '', '__proto__', 'constructor'])
    expect(certificates.contextFor(name)).toBeUndefined()
})

test('names that are given count instead of those in the certificate', () => {
  const certificates = new Certificates()
  certificates.set('file', [{ ...other, names: ['given.*'] }])
  expect(certificates.contextFor('given.org')).toBeDefined()
  expect(certificates.contextFor('x.test')).toBeUndefined()
})

test('a source is replaced whole, and a pair that is none leaves the old ones in force', () => {
  const certificates = new Certificates()
  certificates.set('file', [exact])
  expect(() => certificates.set('file', [other, { cert: exact.cert, key: other.key }])).toThrow()
  expect(certificates.contextFor('api.example.org')).toBeDefined()
  certificates.set('file', [other])
  expect([certificates.contextFor('api.example.org'), certificates.contextFor('x.test')]).toEqual([undefined, expect.anything()])
})

test('addresses are no names', () => expect(namesOf(other.cert)).toEqual(['x.test']))
