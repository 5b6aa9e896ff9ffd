import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../../errors.ts'
import { queryOf, splitTarget } from '../uri.ts'
import { claimOf } from './claim.ts'
import { signedHosts } from './signed-host.ts'
import { SigningKeys } from './signing-key.ts'
import { verifyRequest } from './verify.ts'

// The examples of AWS's pages on signatures (sig-v4-header-based-auth, sigv4-query-string-auth), with their published credentials.
const credentials = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secrets: ['wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'] }
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const NOON = Date.parse('2013-05-24T00:00:00Z')
const base = { host: 'examplebucket.s3.amazonaws.com', 'x-amz-date': '20130524T000000Z', 'x-amz-content-sha256': EMPTY }

interface Example {
  readonly method?: string
  readonly url: string
  readonly headers?: IncomingHttpHeaders
  readonly signed?: string
  readonly signature?: string
  readonly now?: number
  readonly region?: string
  readonly enforceRegion?: boolean
  readonly alias?: string
  readonly prefixes?: readonly string[]
  readonly scopeRegion?: string
  readonly service?: string
  readonly accessKey?: string
}

function verify(example: Example): string {
  const { accessKey = credentials.accessKey, scopeRegion = 'us-east-1', service = 's3' } = example
  const headers: IncomingHttpHeaders = { ...base, ...example.headers }
  if (example.signature)
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/20130524/${scopeRegion}/${service}/aws4_request, SignedHeaders=${example.signed}, Signature=${example.signature}`
  const { path, pairs } = splitTarget(example.url)
  try {
    const claim = claimOf(headers, queryOf(pairs))
    if (!claim) return 'none'
    const rules = { region: example.region ?? 'local', alias: example.alias, enforceRegion: example.enforceRegion ?? false }
    const request = { method: example.method ?? 'GET', path, pairs, headers, prefixes: example.prefixes ?? [''], hosts: [headers.host!] }
    return verifyRequest(claim, request, credentials, rules, new SigningKeys(), example.now ?? NOON).scope
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return `${error.code}: ${error.message}`
  }
}

const get: Example = {
  url: '/test.txt',
  headers: { range: 'bytes=0-9' },
  signed: 'host;range;x-amz-content-sha256;x-amz-date',
  signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
}
const put: Example = {
  method: 'PUT',
  url: '/test%24file.text',
  headers: {
    date: 'Fri, 24 May 2013 00:00:00 GMT',
    'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  },
  signed: 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
  signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
}
const plain = 'host;x-amz-content-sha256;x-amz-date'
const SCOPE = '20130524/us-east-1/s3/aws4_request'
const presigned = (more = '') =>
  `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404${more}`

describe('what AWS has signed', () => {
  test.each<[string, Example]>([
    ['a GET with a range', get],
    ['a PUT', put],
    ['a PUT whose path came unescaped', { ...put, url: '/test$file.text' }],
    [
      'a query without a value',
      { url: '/?lifecycle', signed: plain, signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543' },
    ],
    [
      'a query',
      { url: '/?max-keys=2&prefix=J', signed: plain, signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7' },
    ],
    [
      'a query in another order',
      { url: '/?prefix=J&max-keys=2', signed: plain, signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7' },
    ],
    ['a URL', { url: presigned(), headers: { 'x-amz-date': undefined, 'x-amz-content-sha256': undefined } }],
    ['a URL, with a strange Authorization', { url: presigned(), headers: { authorization: 'Bearer x' } }],
    ['a request 15 minutes ago', { ...get, now: NOON + 15 * 60_000 }],
  ])('%s', (_, example) => {
    expect(verify(example)).toBe(SCOPE)
  })
  test('the beginning that a proxy has cut takes part', () => {
    expect(verify({ ...get, url: '/st.txt', prefixes: ['/storage/v1', '/te'] })).toMatch(/^SignatureDoesNotMatch/)
    expect(verify({ ...get, url: '.txt', prefixes: ['/storage/v1', '/test'] })).toBe(SCOPE)
  })
})

const MISMATCH = /^SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided\. Check/
test('the path of the endpoint may have been signed as a part of the host', () => {
  const signing = new SigningKeys().of(credentials.secrets[0]!, '20130524', 'us-east-1', 's3')
  const signatureOver = (host: string, path: string) => {
    const text = `GET\n${path}\n\nhost:${host}\nx-amz-content-sha256:${EMPTY}\nx-amz-date:20130524T000000Z\n\n${plain}\n${EMPTY}`
    return signing.sign(`AWS4-HMAC-SHA256\n20130524T000000Z\n${SCOPE}\n${createHash('sha256').update(text).digest('hex')}`)
  }
  const ask = (url: string, signature: string) => verify({ url, signed: plain, signature, prefixes: ['/storage/v1'] })
  const host = `${base.host}/storage/v1/s3`
  expect(ask('/s3/b/k', signatureOver(host, '/b/k'))).toBe(SCOPE)
  expect(ask('/s3', signatureOver(host, '/'))).toBe(SCOPE)
  expect(ask('/s3/b/k2', signatureOver(host, '/b/k'))).toMatch(MISMATCH)
  expect(ask('/s3/b/k', signatureOver(`${base.host}/s3`, '/b/k'))).toMatch(MISMATCH)
})

describe('a request is refused', () => {
  test.each<[string, Example, RegExp]>([
    ['with another path', { ...get, url: '/test.txT' }, MISMATCH],
    ['with another method', { ...get, method: 'DELETE' }, MISMATCH],
    ['with a query beside', { ...get, url: '/test.txt?acl' }, MISMATCH],
    ['with another range', { ...get, headers: { range: 'bytes=0-99' } }, MISMATCH],
    ['without a signed header', { ...get, headers: {} }, MISMATCH],
    ['with another host', { ...get, headers: { ...get.headers, host: 'evil.example' } }, MISMATCH],
    ['with another hash of the body', { ...get, headers: { ...get.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }, MISMATCH],
    ['with a cut signature', { ...get, signature: get.signature!.slice(0, 62) }, MISMATCH],
    ['with no hex in its signature', { ...get, signature: 'z'.repeat(64) }, MISMATCH],
    ['with a header added that was not signed', { ...put, headers: { ...put.headers, 'x-amz-copy-source': 'b/secret' } }, /not signed/],
    ['16 minutes later', { ...get, now: NOON + 16 * 60_000 }, /^RequestTimeTooSkewed/],
    ['16 minutes too early', { ...get, now: NOON - 16 * 60_000 }, /^RequestTimeTooSkewed/],
    ['by an unknown key', { ...get, accessKey: 'AKIAIOSFODNN7EXAMPLF' }, /^AccessDenied: Invalid Access Key/],
    ['for another service', { ...get, service: 'sqs' }, /^AccessDenied: Invalid Service/],
    ['for another region', { ...get, scopeRegion: 'eu-west-1' }, MISMATCH],
    [
      'for a region that is ours by another name, where ours is enforced',
      { ...get, alias: 'us-east-1', enforceRegion: true },
      /^AccessDenied: Invalid Region/,
    ],
    ['for any region, where ours is enforced', { ...get, enforceRegion: true }, /^AccessDenied: Invalid Region/],
    ['with a time of another day', { ...get, headers: { ...get.headers, 'x-amz-date': '20130525T000000Z' } }, /^InvalidSignature/],
    ['with a time that is none', { ...get, headers: { ...get.headers, 'x-amz-date': '20130524T250000Z' } }, /^InvalidSignature/],
    ['as a URL, a day later', { url: presigned(), now: NOON + 86_401_000 }, /^ExpiredToken: The provided token has expired/],
    ['as a URL of tomorrow', { url: presigned(), now: NOON - 86_400_000 }, /^AccessDenied: Request is not valid yet/],
    ['as a URL with a longer life', { url: presigned().replace('86400', '999999') }, MISMATCH],
    ['as a URL without an end', { url: presigned().replace('&X-Amz-Expires=86400', '') }, /^InvalidSignature: Invalid expiration/],
    ['as a URL with more in it', { url: presigned('&response-content-type=text%2Fhtml') }, MISMATCH],
    ['as a URL with a header that it does not sign', { url: presigned(), headers: { 'x-amz-meta-a': 'b' } }, /not signed/],
    [
      'as a URL with two signatures, the first wrong',
      { url: presigned().replace('X-Amz-Signature=', 'X-Amz-Signature=0&X-Amz-Signature=') },
      MISMATCH,
    ],
  ])('%s', (_, example, expected) => {
    expect(verify(example)).toMatch(expected)
  })
  test.each([
    ['AWS4-HMAC-SHA256 ', /^InvalidSignature: Invalid signature format/],
    ['AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x', /^InvalidSignature: Invalid credentials/],
    ['AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws5_request, SignedHeaders=host, Signature=x', /^InvalidSignature: Invalid credentials/],
    ['AWS4-HMAC-SHA512 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=x', /^none/],
    ['Bearer x', /^none/],
  ])('by %s', (authorization, expected) => {
    expect(verify({ url: '/', headers: { authorization } })).toMatch(expected)
  })
})

test('the server answers to a second name of its region', () => {
  const signing = new SigningKeys().of(credentials.secrets[0]!, '20130524', 'stub', 's3')
  const text = `GET\n/s3\n\nhost:${base.host}\nx-amz-content-sha256:${EMPTY}\nx-amz-date:20130524T000000Z\n\n${plain}\n${EMPTY}`
  const signature = signing.sign(`AWS4-HMAC-SHA256\n20130524T000000Z\n${signing.scope}\n${createHash('sha256').update(text).digest('hex')}`)
  const ask = (alias?: string) =>
    verify({ url: '/s3', signed: plain, signature, scopeRegion: 'stub', ...(alias !== undefined && { alias }) })
  expect(ask('stub')).toBe(signing.scope)
  expect(ask()).toMatch(MISMATCH)
})

describe('the host that was signed', () => {
  const rules = { publicUrl: undefined, allowForwarded: false, header: undefined }
  test.each([
    [{ host: 'a:5000' }, rules, ['a:5000']],
    [{ host: 'a:443' }, rules, ['a:443', 'a']],
    [{ host: 'a', 'x-forwarded-host': 'Pub.example', 'x-forwarded-port': '8000' }, rules, ['pub.example:8000', 'pub.example', 'a']],
    [{ host: 'a', 'x-forwarded-host': 'pub.example:1', 'x-forwarded-port': '8000' }, rules, ['pub.example:8000', 'pub.example:1', 'a']],
    [{ host: 'a', 'x-forwarded-host': 'pub.example', 'x-forwarded-port': '443' }, rules, ['pub.example', 'a']],
    [{ host: 'a', 'x-forwarded-host': 'one.example, two.example' }, rules, ['one.example', 'a']],
    [{ host: 'a', forwarded: 'for=1;host="f.example"' }, rules, ['a']],
    [{ host: 'a', forwarded: 'for=1;host="f.example";proto=https' }, { ...rules, allowForwarded: true }, ['f.example', 'a']],
    [{ host: 'a', 'x-real-host': 'r.example' }, { ...rules, header: 'x-real-host' }, ['r.example', 'a']],
    [{ host: 'a' }, { ...rules, publicUrl: new URL('https://p.example/x') }, ['p.example', 'a']],
  ])('%j', (headers, given, expected) => {
    expect(signedHosts(headers, given)).toEqual(expected)
  })
})
