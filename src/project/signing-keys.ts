// Keys that sign tokens: the well-known development key, those of signing_keys_path, new ones, and the public set that services verify with.
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { JWK } from 'jose'

export type SigningKey = JWK & { kty: string; alg: string; kid?: string }

/** Everybody knows it: good for a loopback address only. */
export const DEVELOPMENT_KEY: SigningKey = {
  kty: 'EC',
  kid: 'b81269f1-21d8-4f2e-b719-c2240a840d90',
  use: 'sig',
  key_ops: ['sign', 'verify'],
  alg: 'ES256',
  ext: true,
  crv: 'P-256',
  x: 'M5Sjqn5zwC9Kl1zVfUUGvv9boQjCGd45G8sdopBExB4',
  y: 'P6IXMvA2WYXSHSOMTBH2jsw_9rrzGy89FjPf6oOsIxQ',
  d: 'dIhR8wywJlqlua4y_yMq2SLhlFXDZJBCvFrY1DCHyVU',
}

export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

export function generateSigningKey(algorithm: SigningAlgorithm): SigningKey {
  const { privateKey } =
    algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { kty, ...members } = privateKey.export({ format: 'jwk' })
  return { kty: kty!, kid: randomUUID(), use: 'sig', key_ops: ['sign', 'verify'], alg: algorithm, ext: true, ...members }
}

/** Where signing_keys_path points to: relative to supabase/. */
export const signingKeysFile = (supabaseDir: string, path: string): string => (isAbsolute(path) ? path : join(supabaseDir, path))

/** The keys of the file; the loader of config.toml has seen that it is an array of keys. */
export function readSigningKeys(supabaseDir: string, path: string): SigningKey[] {
  return JSON.parse(readFileSync(signingKeysFile(supabaseDir, path), 'utf8')) as SigningKey[]
}

const PRIVATE_MEMBERS: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])

/** The part of a key that may be shown; undefined for a shared secret. */
export function publicKeyOf(key: SigningKey): JWK | undefined {
  if (key.kty === 'oct') return undefined
  return Object.fromEntries(Object.entries({ ...key, key_ops: ['verify'] }).filter(([name]) => !PRIVATE_MEMBERS.has(name))) as JWK
}
