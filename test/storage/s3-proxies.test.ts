// Signatures made for a public address hold behind whatever stands in between: proxies that cut paths, change hosts, or tell ports wrongly.
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signHeaders, signUrl } from '../support/s3-signer.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { S3_KEY, startStorage, type TestStorage } from '../support/storage-service.ts'

let home: StorageDatabase
beforeAll(async () => {
  home = await startStorageDatabase()
})
afterAll(async () => {
  await home?.[Symbol.asyncDispose]()
})

const PREFIXED = { S3_PROTOCOL_PREFIX: '/storage/v1' }

interface Shape {
  readonly name: string
  readonly variables?: Record<string, string>
  /** What the client signs: where it believes to be. */
  readonly public: string
  /** What the proxy sends on beside the client's own headers. */
  readonly headers?: Record<string, string>
  /** What the proxy has cut from the path. */
  readonly cut?: string
  readonly good?: boolean
}

const shapes: readonly Shape[] = [
  { name: 'no proxy', public: 'http://here.example:5000', headers: { host: 'here.example:5000' } },
  { name: 'a proxy that keeps the host', public: 'https://pub.example', headers: { host: 'pub.example' } },
  { name: 'one that tells the host', public: 'https://pub.example', headers: { 'x-forwarded-host': 'pub.example' } },
  {
    name: 'one that tells host and port',
    public: 'http://pub.example:8000',
    headers: { 'x-forwarded-host': 'pub.example', 'x-forwarded-port': '8000' },
  },
  {
    name: 'one that tells its own port',
    public: 'https://pub.example',
    headers: { 'x-forwarded-host': 'pub.example', 'x-forwarded-port': '8443' },
  },
  {
    name: 'one that tells the port twice',
    public: 'http://pub.example:8000',
    headers: { 'x-forwarded-host': 'pub.example:8000', 'x-forwarded-port': '8000' },
  },
  {
    name: 'one behind another',
    public: 'https://pub.example',
    headers: { 'x-forwarded-host': 'pub.example, inner.example', 'x-forwarded-port': '443, 8000' },
  },
  {
    name: 'one that cuts the path, as the variable says',
    variables: PREFIXED,
    public: 'https://pub.example/storage/v1',
    headers: { host: 'pub.example' },
    cut: '/storage/v1',
  },
  {
    name: 'one that tells what it has cut',
    variables: { REQUEST_ALLOW_X_FORWARDED_PATH: 'true' },
    public: 'https://pub.example/deep/storage/v1',
    headers: { host: 'pub.example', 'x-forwarded-prefix': '/deep/storage/v1/' },
    cut: '/deep/storage/v1',
  },
  {
    name: 'one that speaks Forwarded',
    variables: { S3_ALLOW_FORWARDED_HEADER: 'true' },
    public: 'https://pub.example',
    headers: { forwarded: 'for=1.2.3.4;host=pub.example;proto=https' },
  },
  {
    name: 'one with a header of its own',
    variables: { S3_PROTOCOL_NON_CANONICAL_HOST_HEADER: 'X-Real-Host' },
    public: 'https://pub.example',
    headers: { 'x-real-host': 'pub.example' },
  },
  {
    name: 'one that tells nothing, and a public URL',
    variables: { STORAGE_PUBLIC_URL: 'https://pub.example:9443' },
    public: 'https://pub.example:9443',
  },
  {
    name: 'one that adds headers of its own',
    public: 'https://pub.example',
    headers: { host: 'pub.example', 'x-amz-cf-id': 'added', 'x-amzn-trace-id': 'added' },
  },
  {
    name: 'one that changes accept-encoding',
    public: 'https://pub.example',
    headers: { host: 'pub.example', 'accept-encoding': 'br', 'x-original-accept-encoding': 'identity' },
  },
  {
    name: 'a prefix that nobody may tell',
    public: 'https://pub.example/told',
    headers: { host: 'pub.example', 'x-forwarded-prefix': '/told' },
    cut: '/told',
    good: false,
  },
  { name: 'a Forwarded that nobody may send', public: 'https://pub.example', headers: { forwarded: 'host=pub.example' }, good: false },
  { name: 'a host that nobody told', public: 'https://pub.example', good: false },
]

describe.each(shapes)('behind $name', ({ variables, public: origin, headers = {}, cut = '', good = true }) => {
  let storage: TestStorage
  beforeAll(async () => {
    storage = await startStorage(home, variables)
  })
  afterAll(() => storage?.[Symbol.asyncDispose]())

  const send = (url: string, signed: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const { pathname, search } = new URL(url)
      const at = new URL(storage.url)
      const path = pathname.slice(cut.length) + search
      request({ host: at.hostname, port: at.port, path, headers: { ...signed, ...headers } }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
      })
        .once('error', reject)
        .end()
    })

  test(`a signature ${good ? 'holds' : 'does not hold'}, in headers and in a URL`, async () => {
    const url = `${origin}/s3/no%20such/key%2B1`
    const named = { ...S3_KEY, method: 'GET', url }
    // The bucket is not there: who is let in gets to know that, and nobody else.
    const status = good ? 404 : 403
    expect(await send(url, signHeaders({ ...named, headers: { 'accept-encoding': 'identity' } }).headers)).toBe(status)
    expect(await send(signUrl(named), {})).toBe(status)
  })
})
