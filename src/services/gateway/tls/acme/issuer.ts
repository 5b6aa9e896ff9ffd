// One order at an authority, from its account to the certificate (RFC 8555). The protocol itself is the library's, which is loaded when
// the first certificate is asked for.
import { generateKeyPair, type KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { promisify } from 'node:util'
import type { Client } from 'acme-client'
import type { Challenges } from './challenges.ts'
import type { Domain, StoredAccount, StoredCertificate } from './store.ts'

export type ChallengeKind = 'http-01' | 'tls-alpn-01'
export type KeyType = 'RSA2048' | 'RSA4096' | 'RSA8192' | 'EC256' | 'EC384'

export interface Authority {
  readonly directoryUrl: string
  readonly email: string
  readonly challenge: ChallengeKind
  readonly keyType: KeyType
  readonly preferredChain?: string
  /** External account binding, for authorities that ask for one. */
  readonly eab?: { readonly kid: string; readonly hmacKey: string }
}

/** Obtains certificates; throws what the authority says. */
export interface Issuer {
  /** The account, known or made new. */
  account(known: StoredAccount | undefined): Promise<StoredAccount>
  certificate(domain: Domain, account: StoredAccount): Promise<StoredCertificate>
}

const makeKey = promisify(generateKeyPair)
const ACCOUNT_BITS = 4096

export function acmeIssuer(authority: Authority, challenges: Challenges): Issuer {
  return {
    async account(known) {
      if (known) return known
      const { privateKey } = await makeKey('rsa', { modulusLength: ACCOUNT_BITS })
      const client = await clientOf(authority, privateKey)
      await client.createAccount({ termsOfServiceAgreed: true, ...(authority.email && { contact: [`mailto:${authority.email}`] }) })
      return { email: authority.email, url: client.getAccountUrl(), key: privateKey }
    },
    async certificate(domain, account) {
      const client = await clientOf(authority, account.key, account.url)
      const names = [domain.main, ...domain.sans]
      const order = await client.createOrder({ identifiers: names.map((value) => ({ type: 'dns', value })) })
      for (const authorization of await client.getAuthorizations(order)) {
        if (authorization.status === 'valid') continue
        await prove(client, authorization, authority.challenge, challenges)
      }
      const { crypto } = await library()
      const key = pemOf(await certificateKey(authority.keyType))
      const [, csr] = await crypto.createCsr({ commonName: domain.main, altNames: names }, key)
      const ready = await client.finalizeOrder(order, csr)
      return { domain, cert: await client.getCertificate(ready, authority.preferredChain), key }
    },
  }
}

async function library() {
  const loaded = await import('acme-client')
  return loaded.default
}

async function clientOf(authority: Authority, key: KeyObject, accountUrl?: string): Promise<Client> {
  const { Client } = await library()
  return new Client({
    directoryUrl: authority.directoryUrl,
    accountKey: pemOf(key),
    ...(accountUrl && { accountUrl }),
    ...(authority.eab && { externalAccountBinding: authority.eab }),
    backoffMin: 1_000,
    backoffMax: 10_000,
  })
}

type Authorization = Awaited<ReturnType<Client['getAuthorizations']>>[number]

async function prove(client: Client, authorization: Authorization, kind: ChallengeKind, challenges: Challenges): Promise<void> {
  const name = authorization.identifier.value
  const challenge = authorization.challenges.find(({ type }) => type === kind)
  if (!challenge) throw new Error(`the authority offers no ${kind} for ${name}`)
  const proof = await client.getChallengeKeyAuthorization(challenge)
  const end = await offer(authorization, challenge.token, proof, kind, challenges)
  try {
    await client.completeChallenge(challenge)
    await client.waitForValidStatus(challenge)
  } finally {
    end()
  }
}

async function offer(authorization: Authorization, token: string, proof: string, kind: ChallengeKind, challenges: Challenges) {
  if (kind === 'http-01') return challenges.offerText(token, proof)
  const { crypto } = await library()
  const [key, cert] = await crypto.createAlpnCertificate(authorization, proof)
  return challenges.offerContext(authorization.identifier.value, createSecureContext({ key, cert }))
}

async function certificateKey(type: KeyType): Promise<KeyObject> {
  const { privateKey } = type.startsWith('EC')
    ? await makeKey('ec', { namedCurve: type === 'EC256' ? 'P-256' : 'P-384' })
    : await makeKey('rsa', { modulusLength: Number(type.slice(3)) })
  return privateKey
}

const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }) as string
