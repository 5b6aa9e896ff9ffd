// How the servers of a service are reached: the static `serversTransport`, or one of the dynamic configuration by its name.
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { ClientTls } from '../../plan.ts'
import type { TransportConfig } from '../config/dynamic.ts'
import type { StaticConfig } from '../config/static.ts'
import type { Transport } from '../forward.ts'
import { MiddlewareError } from '../middlewares/middleware.ts'

type Common = StaticConfig['serversTransport'] | TransportConfig

/** Throws MiddlewareError with what cannot be read or is not served; the services that name it are disabled then. */
export function transportOf(config: Common): Transport {
  const { forwardingTimeouts, insecureSkipVerify, maxIdleConnsPerHost, rootCAs = [] } = config
  const dynamic: Partial<TransportConfig> = 'serverName' in config || 'certificates' in config || 'cipherSuites' in config ? config : {}
  for (const name of ['cipherSuites', 'minVersion', 'maxVersion', 'peerCertURI'] as const)
    if (dynamic[name]?.length) throw new MiddlewareError(`serversTransport: ${name} is not served, leave it out`)
  const [pair, ...others] = dynamic.certificates ?? []
  if (others.length > 0) throw new MiddlewareError('serversTransport: one client certificate is served, not several')
  const clientTls: ClientTls | undefined =
    rootCAs.length === 0 && !pair
      ? undefined
      : {
          ca: rootCAs.length > 0 ? rootCAs.map((given) => pem(given, 'rootCAs')) : undefined,
          cert: pair && pem(pair.certFile ?? '', 'certificates'),
          key: pair && pem(pair.keyFile ?? '', 'certificates'),
        }
  check(clientTls)
  return {
    connectTimeoutMs: forwardingTimeouts.dialTimeout,
    responseHeaderTimeoutMs: forwardingTimeouts.responseHeaderTimeout,
    tlsVerify: !insecureSkipVerify,
    clientTls,
    serverName: dynamic.serverName || undefined,
    keepAliveMs: Math.max(forwardingTimeouts.idleConnTimeout, 1),
    ...(maxIdleConnsPerHost === undefined || maxIdleConnsPerHost <= 0 ? {} : { maxIdle: maxIdleConnsPerHost }),
  }
}

/** A path, or the text itself. */
function pem(given: string, what: string): string {
  if (given.includes('-----BEGIN')) return given
  try {
    return readFileSync(given, 'utf8')
  } catch (error) {
    throw new MiddlewareError(`serversTransport: ${what}: cannot read '${given}' (${(error as NodeJS.ErrnoException).code})`)
  }
}

function check(tls: ClientTls | undefined): void {
  if (!tls) return
  try {
    createSecureContext({
      ...(tls.ca ? { ca: [...tls.ca] } : {}),
      ...(tls.cert === undefined || tls.key === undefined ? {} : { cert: tls.cert, key: tls.key }),
    })
  } catch {
    // OpenSSL's reason could quote the key.
    throw new MiddlewareError('serversTransport: a certificate or its key cannot be used')
  }
}
