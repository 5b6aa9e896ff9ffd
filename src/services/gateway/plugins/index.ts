// The plugins that come with the gateway. The only file that changes when one is added.
import type { Plugin } from '../plugin.ts'
import { acl } from './acl.ts'
import { basicAuth } from './basic-auth.ts'
import { botDetection } from './bot-detection.ts'
import { correlationId } from './correlation-id.ts'
import { cors } from './cors.ts'
import { fileLog } from './file-log.ts'
import { postFunction, preFunction } from './functions.ts'
import { hmacAuth } from './hmac-auth.ts'
import { httpLog } from './http-log.ts'
import { ipRestriction } from './ip-restriction.ts'
import { jwt } from './jwt.ts'
import { keyAuth } from './key-auth.ts'
import { prometheus } from './prometheus.ts'
import { proxyCache } from './proxy-cache/proxy-cache.ts'
import { rateLimiting } from './rate-limiting/rate-limiting.ts'
import { requestSizeLimiting } from './request-size-limiting.ts'
import { requestTermination } from './request-termination.ts'
import { requestTransformer } from './request-transformer.ts'
import { responseTransformer } from './response-transformer.ts'

export const plugins: ReadonlyMap<string, Plugin> = new Map(
  [
    acl,
    basicAuth,
    botDetection,
    correlationId,
    cors,
    fileLog,
    hmacAuth,
    httpLog,
    ipRestriction,
    jwt,
    keyAuth,
    postFunction,
    preFunction,
    prometheus,
    proxyCache,
    rateLimiting,
    requestSizeLimiting,
    requestTermination,
    requestTransformer,
    responseTransformer,
  ].map((plugin) => [plugin.name, plugin]),
)
