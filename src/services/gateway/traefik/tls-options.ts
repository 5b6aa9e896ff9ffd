// `tls.options` of the dynamic configuration. Those named `default` hold for every name: versions and ciphers. What cannot be kept (a set of
// options of a router's own, certificates of clients) disables the routers that ask for it: less than was asked for is never served.
import type { SecureVersion } from 'node:tls'
import type { TlsMaterial } from '../../../service/definition.ts'
import type { TlsConfig } from './config/dynamic.ts'
import { qualified, type RuntimeConfig } from './config/runtime.ts'
import { MiddlewareError } from './middlewares/middleware.ts'

type Options = NonNullable<TlsConfig['options']>[string]

const VERSIONS: ReadonlyMap<string, SecureVersion> = new Map([
  ['VersionTLS10', 'TLSv1'],
  ['VersionTLS11', 'TLSv1.1'],
  ['VersionTLS12', 'TLSv1.2'],
  ['VersionTLS13', 'TLSv1.3'],
])

/** Go's names of cipher suites, by OpenSSL's. Those of TLS 1.3 are always offered, as in Go. */
const CIPHERS: ReadonlyMap<string, string> = new Map([
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'],
  ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
])
const OF_TLS13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

const NOT_SERVED = ['sniStrict', 'alpnProtocols', 'curvePreferences'] as const

/** The options that hold for every name. */
function defaultsOf(runtime: RuntimeConfig): Options | undefined {
  return runtime.tls.map((tls) => tls.options?.['default']).find((found) => found !== undefined)
}

/** Throws MiddlewareError for a router whose TLS would be less than its configuration says. */
export function refuseUnservedOptions(named: string | undefined, provider: string, runtime: RuntimeConfig): void {
  const name = named?.replace(/@.*$/, '')
  if (name && name !== 'default')
    throw new MiddlewareError(
      `TLS options ${qualified(named!, provider)} are not served: only those named "default", which hold for every router`,
    )
  const options = defaultsOf(runtime)
  if (!options) return
  const { clientAuth, cipherSuites = [], minVersion, maxVersion } = options
  if (clientAuth && (clientAuth.clientAuthType ?? 'NoClientCert') !== 'NoClientCert')
    throw new MiddlewareError('TLS options default: clientAuth is not served: clients are not asked for certificates')
  for (const key of NOT_SERVED)
    if (options[key] === true || (Array.isArray(options[key]) && options[key].length > 0))
      throw new MiddlewareError(`TLS options default: ${key} is not served`)
  const unknown = cipherSuites.find((suite) => !CIPHERS.has(suite))
  if (unknown !== undefined) throw new MiddlewareError(`TLS options default: invalid CipherSuite: ${unknown}`)
  for (const version of [minVersion, maxVersion])
    if (version && !VERSIONS.has(version)) throw new MiddlewareError(`TLS options default: invalid TLS version: ${version}`)
}

/** What they mean for an entry point; read at its start. */
export function tlsDefaults(runtime: RuntimeConfig): Pick<TlsMaterial, 'minVersion' | 'maxVersion' | 'ciphers'> {
  const { minVersion, maxVersion, cipherSuites = [] } = defaultsOf(runtime) ?? {}
  const [min, max] = [minVersion, maxVersion].map((name) => (name ? VERSIONS.get(name) : undefined))
  const ciphers = new Set([...cipherSuites.flatMap((suite) => CIPHERS.get(suite) ?? []), ...OF_TLS13])
  return {
    ...(min && { minVersion: min }),
    ...(max && { maxVersion: max }),
    ...(cipherSuites.length > 0 && { ciphers: [...ciphers].join(':') }),
  }
}
