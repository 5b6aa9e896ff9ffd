import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { silentLog } from '../../../../log/log.ts'
import { Certificates } from '../certificates.ts'
import { selfSigned } from '../self-signed.ts'
import { Challenges } from './challenges.ts'
import type { Issuer } from './issuer.ts'
import { AcmeResolver } from './resolver.ts'
import { AcmeStore, AcmeStoreError, type Domain } from './store.ts'

const DAY = 24 * 3_600_000
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const account = { email: 'ops@example.org', url: 'https://ca.test/acct/1', key: privateKey }
let folder = ''
let file = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acme-'))
  file = join(folder, 'acme.json')
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(folder, { recursive: true })
})

/** An authority that gives what is asked, or refuses as often as told. */
function issuer(refusals = 0, validFrom = Date.now()): Issuer & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    account: async () => account,
    certificate: async (domain: Domain) => {
      asked.push(domain.main)
      if (asked.length <= refusals) throw new Error('too many requests')
      return { domain, ...selfSigned([domain.main, ...domain.sans], validFrom) }
    },
  }
}

function resolverOf(given: Issuer, now?: () => number) {
  const certificates = new Certificates()
  const resolver = new AcmeResolver({
    name: 'le',
    issuer: given,
    store: new AcmeStore(file),
    certificates,
    log: silentLog,
    ...(now && { now }),
  })
  return { resolver, certificates }
}

const domain = { main: 'api.example.org', sans: ['www.example.org'] }

test('what was obtained is served, kept for its owner alone, and not asked for again', async () => {
  const first = issuer()
  const { resolver, certificates } = resolverOf(first)
  await resolver.open()
  await resolver.want([domain])
  await resolver.stop()
  expect(certificates.contextFor('API.example.org')).toBeDefined()
  expect(certificates.contextFor('other.example.org')).toBeUndefined()
  expect((await stat(file)).mode & 0o777).toBe(0o600)

  const second = issuer()
  const again = resolverOf(second)
  await again.resolver.open()
  expect(again.certificates.contextFor('www.example.org')).toBeDefined()
  await again.resolver.want([domain])
  await again.resolver.stop()
  expect([first.asked, second.asked]).toEqual([['api.example.org'], []])
})

test('a certificate is obtained anew thirty days before its end', async () => {
  const given = issuer()
  let now = Date.now()
  const { resolver } = resolverOf(given, () => now)
  await resolver.open()
  await resolver.want([domain])
  now += (825 - 31) * DAY
  await resolver.want([domain])
  expect(given.asked).toHaveLength(1)
  now += 2 * DAY
  await resolver.want([domain])
  await resolver.stop()
  expect(given.asked).toHaveLength(2)
})

test('a refusal is tried again after a minute, and then later and later', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const given = issuer(2)
  const { resolver, certificates } = resolverOf(given)
  await resolver.open()
  await resolver.want([domain])
  expect([given.asked.length, certificates.contextFor(domain.main)]).toEqual([1, undefined])
  await vi.advanceTimersByTimeAsync(59_000)
  expect(given.asked).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(given.asked).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(299_000)
  expect(given.asked).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(given.asked).toHaveLength(3)
  vi.useRealTimers()
  await vi.waitFor(() => expect(certificates.contextFor(domain.main)).toBeDefined())
  await resolver.stop()
})

test('the file has the form that Traefik reads and writes, and two resolvers share it', async () => {
  const store = new AcmeStore(file)
  const pair = selfSigned(['a.test'])
  await Promise.all([
    store.write('one', { account, certificates: [{ domain: { main: 'a.test', sans: [] }, ...pair }] }),
    store.write('two', { account: undefined, certificates: [] }),
  ])
  const written = JSON.parse(await readFile(file, 'utf8'))
  expect(Object.keys(written)).toEqual(['one', 'two'])
  expect(written.one.Account).toMatchObject({ Email: 'ops@example.org', Registration: { uri: 'https://ca.test/acct/1' }, KeyType: '2048' })
  const key = createPrivateKey({ key: Buffer.from(written.one.Account.PrivateKey, 'base64'), format: 'der', type: 'pkcs1' })
  expect(key.equals(privateKey)).toBe(true)
  expect(Buffer.from(written.one.Certificates[0].certificate, 'base64').toString()).toBe(pair.cert)
  const { account: read, certificates } = await store.read('one')
  expect([read?.url, read?.key.equals(privateKey), certificates]).toEqual([
    account.url,
    true,
    [{ domain: { main: 'a.test', sans: [] }, ...pair }],
  ])
})

test.each([
  ['others may read it', '{}', 0o644, /permissions 644 are too open, use 600/],
  ['it is not JSON', '{', 0o600, /not JSON/],
  ['it is something else', '{"le":{"Certificates":1}}', 0o600, /le\.Certificates/],
])('a start is refused when %s', async (_, text, mode, message) => {
  await writeFile(file, text)
  await chmod(file, mode)
  await expect(new AcmeStore(file).read('le')).rejects.toThrow(AcmeStoreError)
  await expect(new AcmeStore(file).read('le')).rejects.toThrow(message)
})

test('a proof stands only under its own path, and only as long as it is awaited', () => {
  const challenges = new Challenges()
  const end = challenges.offerText('token', 'token.print')
  expect(challenges.textFor('/.well-known/acme-challenge/token')).toBe('token.print')
  for (const target of [
    '/.well-known/acme-challenge/',
    '/.well-known/acme-challenge/other',
    '/token',
    '/.well-known/acme-challenge/token?x',
    undefined,
  ])
    expect(challenges.textFor(target)).toBeUndefined()
  end()
  expect(challenges.textFor('/.well-known/acme-challenge/token')).toBeUndefined()
})
