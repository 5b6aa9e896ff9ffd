// The list of middlewares: the only file that changes when one is added.
import { z } from 'zod'
import { addPrefix } from './add-prefix.ts'
import { basicAuth } from './basic-auth.ts'
import { buffering } from './buffering.ts'
import { chain } from './chain.ts'
import { circuitBreaker } from './circuit-breaker.ts'
import { compress } from './compress.ts'
import { contentType } from './content-type.ts'
import { digestAuth } from './digest-auth.ts'
import { encodedCharacters } from './encoded-characters.ts'
import { errorPages } from './error-pages.ts'
import { forwardAuth } from './forward-auth.ts'
import { headers } from './headers.ts'
import { inFlightReq } from './in-flight-req.ts'
import { ipAllowList, ipWhiteList } from './ip-allow-list.ts'
import type { Middleware } from './middleware.ts'
import { passTLSClientCert } from './pass-tls-client-cert.ts'
import { rateLimit } from './rate-limit.ts'
import { redirectRegex, redirectScheme } from './redirect.ts'
import { replacePath, replacePathRegex } from './replace-path.ts'
import { retry } from './retry.ts'
import { stripPrefix, stripPrefixRegex } from './strip-prefix.ts'
import { grpcWeb, plugin } from './unserved.ts'

const list: readonly Middleware[] = [
  addPrefix,
  basicAuth,
  buffering,
  chain,
  circuitBreaker,
  compress,
  contentType,
  digestAuth,
  encodedCharacters,
  errorPages,
  forwardAuth,
  grpcWeb,
  headers,
  inFlightReq,
  ipAllowList,
  ipWhiteList,
  passTLSClientCert,
  plugin,
  rateLimit,
  redirectRegex,
  redirectScheme,
  replacePath,
  replacePathRegex,
  retry,
  stripPrefix,
  stripPrefixRegex,
]

export const middlewares: ReadonlyMap<string, Middleware> = new Map(list.map((middleware) => [middleware.name, middleware]))

/** One middleware of the configuration: a structure with the one type that is set. */
export const middlewareSchema = z.object(Object.fromEntries(list.map(({ name, config }) => [name, config.optional()])))
export type MiddlewareConfig = Readonly<Record<string, unknown>>
