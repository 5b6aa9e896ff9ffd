import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../../errors.ts'
import { SigningKey } from '../signature/signing-key.ts'
import { ChunkDecoder, type ChunkRules, type ChunkSeal } from './chunk-decoder.ts'
import { type PayloadRules, PayloadStream } from './payload.ts'

// The published credentials and signatures of AWS's pages sigv4-streaming and sigv4-streaming-trailers.
const key = new SigningKey('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', '20130524', 'us-east-1', 's3')
const seal: ChunkSeal = { key, time: '20130524T000000Z', signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9' }
const DATA = Buffer.alloc(66_560, 'a')
const AWS_BODY = Buffer.concat([
  Buffer.from('10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n'),
  DATA.subarray(0, 65_536),
  Buffer.from('\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n'),
  DATA.subarray(65_536),
  Buffer.from('\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n'),
])
const trailerSeal: ChunkSeal = { ...seal, signature: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e' }
const AWS_TRAILER_BODY = Buffer.concat([
  Buffer.from('10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n'),
  DATA.subarray(0, 65_536),
  Buffer.from('\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n'),
  DATA.subarray(65_536),
  Buffer.from(
    '\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\nx-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n',
  ),
])
const CRC32C = new Set(['x-amz-checksum-crc32c'])

function decode(body: Buffer, rules: ChunkRules, pieces = [body.length]): Buffer | string {
  const decoder = new ChunkDecoder(rules)
  const out: Buffer[] = []
  let at = 0
  try {
    for (const piece of [...pieces, body.length]) {
      decoder.write(Buffer.from(body.subarray(at, at + piece)), (data) => out.push(Buffer.from(data)))
      at += piece
    }
    decoder.end()
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return `${error.code} ${error.message}`
  }
  return Buffer.concat(out)
}
const unsigned: ChunkRules = { seal: undefined, trailer: new Set() }

/** As a client frames and signs it. */
function frame(data: Buffer, sizes: readonly number[], signed: ChunkSeal | undefined, trailer?: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = []
  let previous = signed?.signature ?? ''
  const empty = createHash('sha256').digest('hex')
  const put = (piece: Buffer) => {
    let extension = ''
    if (signed) {
      const hash = createHash('sha256').update(piece).digest('hex')
      previous = signed.key.sign(`AWS4-HMAC-SHA256-PAYLOAD\n${signed.time}\n${signed.key.scope}\n${previous}\n${empty}\n${hash}`)
      extension = `;chunk-signature=${previous}`
    }
    parts.push(Buffer.from(`${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from(piece.length || !trailer ? '\r\n' : ''))
  }
  let at = 0
  for (const size of [...sizes, data.length]) {
    const piece = data.subarray(at, at + size)
    if (piece.length > 0) put(piece)
    at += size
  }
  put(Buffer.alloc(0))
  if (trailer) {
    const lines = [...trailer].map(([name, value]) => `${name}:${value}\n`).join('')
    parts.push(Buffer.from(lines.replaceAll('\n', '\r\n')))
    if (signed) {
      const hash = createHash('sha256').update(lines).digest('hex')
      parts.push(
        Buffer.from(
          `x-amz-trailer-signature:${key.sign(`AWS4-HMAC-SHA256-TRAILER\n${signed.time}\n${key.scope}\n${previous}\n${hash}`)}\r\n`,
        ),
      )
    }
    parts.push(Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

describe('what AWS has signed', () => {
  test.each([[[AWS_BODY.length]], [[1, 2, 3, 90, 1]], [[65_000, 700, 20]]])('chunks, in pieces of %j', (pieces) => {
    expect(decode(AWS_BODY, { seal, trailer: undefined }, pieces)).toEqual(DATA)
  })
  test('chunks with a trailer', () => {
    expect(decode(AWS_TRAILER_BODY, { seal: trailerSeal, trailer: CRC32C })).toEqual(DATA)
    expect(decode(AWS_TRAILER_BODY, { seal: trailerSeal, trailer: CRC32C }, Array(700).fill(100))).toEqual(DATA)
  })
})

test('what is framed comes out again, however it is cut', () => {
  const seals = fc.constantFrom(undefined, seal)
  const trailers = fc.constantFrom(undefined, new Map([['x-amz-checksum-crc32c', 'AAAAAA==']]))
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 30 }),
      seals,
      trailers,
      (bytes, sizes, pieces, signed, trailer) => {
        const data = Buffer.from(bytes)
        const rules = { seal: signed, trailer: trailer && new Set(trailer.keys()) }
        const out = decode(frame(data, sizes, signed, trailer), rules, pieces)
        return Buffer.isBuffer(out) && out.equals(data)
      },
    ),
  )
})

test('any other bytes are an error of ours, and a cut body never passes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, trailer) => {
      const out = decode(Buffer.from(bytes), { seal: undefined, trailer: trailer ? new Set() : undefined })
      return typeof out === 'string' || out.length < bytes.length
    }),
  )
  const body = frame(Buffer.from('hello world'), [5], seal)
  // Only the line behind the last chunk may be missing.
  for (let cut = 0; cut < body.length - 2; cut++)
    expect(decode(body.subarray(0, cut), { seal, trailer: undefined }), `${cut}`).toMatch(/^\w+ /)
})

describe('refused', () => {
  const good = AWS_BODY.toString('latin1')
  const change = (from: string | RegExp, to: string) => Buffer.from(good.replace(from, to), 'latin1')
  const signed = { seal, trailer: undefined }
  const second = good.indexOf('\r\n400;')
  test.each<[string, Buffer, ChunkRules, RegExp]>([
    ['a false signature', change('ad80c', 'bd80c'), signed, /^SignatureDoesNotMatch/],
    ['other data', change('aaaa', 'aaba'), signed, /^SignatureDoesNotMatch/],
    [
      'a chunk that comes twice',
      Buffer.from(good.slice(0, second) + good.slice(0, second).replace('10000', '\r\n10000') + good.slice(second), 'latin1'),
      signed,
      /^SignatureDoesNotMatch/,
    ],
    ['a chunk that is left out', Buffer.from(good.slice(second + 2), 'latin1'), signed, /^SignatureDoesNotMatch/],
    ['chunks of another request', AWS_BODY, { seal: trailerSeal, trailer: undefined }, /^SignatureDoesNotMatch/],
    ['a false end', change('b6c6ea', 'c6c6ea'), signed, /^SignatureDoesNotMatch/],
    ['no signature', change(/;chunk-signature=\w+/, ''), signed, /^InvalidRequest .*missing chunk signature/],
    ['a size that is none', change('10000', 'x'), signed, /^InvalidRequest .*invalid chunk header/],
    ['a negative size', change('10000', '-1'), signed, /^InvalidRequest .*invalid chunk header/],
    ['another extension', change('chunk-signature', 'chunk-signatura'), signed, /^InvalidRequest .*invalid chunk header/],
    ['a chunk longer than it says', change('400;', '3ff;'), signed, /^SignatureDoesNotMatch/],
    ['a chunk shorter than it says', change('400;', '401;'), signed, /^SignatureDoesNotMatch/],
    ['a signed chunk over 8 MiB', change('10000;', '800001;'), signed, /^EntityTooLarge The chunk exceeded/],
    ['a size beyond all numbers', change('10000;', 'ffffffffffffffff;'), signed, /^EntityTooLarge/],
    ['a header without an end', Buffer.alloc(300, '0'), unsigned, /^InvalidRequest .*too long/],
    ['a trailer without an end', Buffer.from(`0\r\n${'x-a:b'.repeat(2_000)}`), unsigned, /^InvalidRequest .*too long/],
    ['a trailer of many lines', Buffer.from(`0\r\n${'\r\n'.repeat(9_000)}`), unsigned, /^InvalidRequest .*final chunk/],
    ['more behind the end', Buffer.from('0\r\n\r\nx'), unsigned, /^InvalidRequest .*final chunk/],
    ['nothing', Buffer.alloc(0), unsigned, /^IncompleteBody/],
    ['a trailer that was not announced', Buffer.from('0\r\nx-other:1\r\n\r\n'), unsigned, /^MalformedTrailerError .*not announced/],
    [
      'a trailer that was announced and did not come',
      Buffer.from('0\r\n\r\n'),
      { seal: undefined, trailer: CRC32C },
      /^MalformedTrailerError .*missing/,
    ],
    [
      'a trailer with a name twice',
      Buffer.from('0\r\nx-amz-checksum-crc32c:a\r\nx-amz-checksum-crc32c:b\r\n\r\n'),
      { seal: undefined, trailer: CRC32C },
      /^MalformedTrailerError .*twice/,
    ],
    ['a trailer line without a colon', Buffer.from('0\r\nx\r\n\r\n'), unsigned, /^MalformedTrailerError/],
    [
      'another trailer under a signature',
      Buffer.from(AWS_TRAILER_BODY.toString('latin1').replace('sOO8', 'sOO9'), 'latin1'),
      { seal: trailerSeal, trailer: CRC32C },
      /^SignatureDoesNotMatch/,
    ],
    [
      'a trailer without its signature',
      Buffer.from(AWS_TRAILER_BODY.toString('latin1').replace(/x-amz-trailer-signature.*\r\n/, ''), 'latin1'),
      { seal: trailerSeal, trailer: CRC32C },
      /^SignatureDoesNotMatch|^IncompleteBody/,
    ],
  ])('%s', (_, body, rules, expected) => {
    expect(decode(body, rules)).toMatch(expected)
    expect(decode(body, rules, Array(200).fill(500))).toMatch(expected)
  })
  test('a header is refused before its end has come', () => {
    const decoder = new ChunkDecoder(unsigned)
    expect(() => {
      for (let at = 0; at < 1_000; at++) decoder.write(Buffer.from('0'), () => {})
    }).toThrow(/too long/)
  })
})

describe('a body is checked against what was said of it', () => {
  const body = Buffer.from('hello world')
  const hash = (name: string, encoding: 'hex' | 'base64') => createHash(name).update(body).digest(encoding)
  const none: PayloadRules = { chunks: undefined, size: undefined, sha256: undefined, checksums: new Map() }
  async function pass(rules: Partial<PayloadRules>, bytes: Buffer): Promise<string> {
    const stream = new PayloadStream({ ...none, ...rules })
    const out: Buffer[] = []
    stream.end(bytes)
    try {
      for await (const piece of stream) out.push(piece as Buffer)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return error.code
    }
    return Buffer.concat(out).toString()
  }
  const framed = frame(body, [4], undefined, new Map([['x-amz-checksum-sha256', hash('sha256', 'base64')]]))
  const trailing = { seal: undefined, trailer: new Set(['x-amz-checksum-sha256']) }
  test.each<[string, Partial<PayloadRules>, Buffer, string]>([
    ['nothing said', {}, body, 'hello world'],
    ['its size', { size: 11 }, body, 'hello world'],
    ['a greater size', { size: 12 }, body, 'IncompleteBody'],
    ['a smaller size', { size: 10 }, body, 'IncompleteBody'],
    ['its hash', { sha256: hash('sha256', 'hex') }, body, 'hello world'],
    ['another hash', { sha256: '0'.repeat(64) }, body, 'XAmzContentSHA256Mismatch'],
    ['its MD5', { checksums: new Map([['content-md5', hash('md5', 'base64')]]) }, body, 'hello world'],
    ['another MD5', { checksums: new Map([['content-md5', hash('md5', 'base64').replace(/^./, '0')]]) }, body, 'BadDigest'],
    ['an MD5 of another length', { checksums: new Map([['content-md5', 'AAAA']]) }, body, 'BadDigest'],
    ['its CRC-64', { checksums: new Map([['x-amz-checksum-crc64nvme', 'jSnVw/bqjr4=']]) }, body, 'hello world'],
    ['a checksum behind it', { chunks: trailing, size: 11 }, framed, 'hello world'],
    ['another checksum behind it', { chunks: trailing }, Buffer.from(framed.toString().replace(/sha256:./, 'sha256:0')), 'BadDigest'],
    ['a size of the chunks', { chunks: trailing, size: framed.length }, framed, 'IncompleteBody'],
    ['chunks, when they are none', { chunks: trailing }, Buffer.from('hello\nworld\n'), 'InvalidRequest'],
  ])('%s', async (_, rules, bytes, expected) => {
    expect(await pass(rules, bytes)).toBe(expected)
  })
})

test('the key of a day is AWS’s', () => {
  const step = (by: Buffer | string, text: string) => createHmac('sha256', by).update(text).digest()
  const right = step(step(step(step('AWS4s', '20130524'), 'r'), 's3'), 'aws4_request')
  expect(new SigningKey('s', '20130524', 'r', 's3').sign('x')).toBe(step(right, 'x').toString('hex'))
})
