// The dynamic configuration: routers, services, middlewares and transports, by Traefik's names. Reference: gateway.md C2 to C6.
import { z } from 'zod'
import { middlewareSchema } from '../middlewares/index.ts'
import { duration, flag, ignored, named, texts, whole } from './types.ts'

const domain = z.object({ main: z.string().optional(), sans: texts.optional() })

export const routerTls = z.object({
  options: z.string().optional(),
  certResolver: z.string().optional(),
  domains: z.array(domain).optional(),
})

export const routerSchema = z.object({
  entryPoints: texts.optional(),
  middlewares: texts.optional(),
  service: z.string().optional(),
  rule: z.string().optional(),
  parentRefs: texts.optional(),
  ruleSyntax: z.string().optional(),
  priority: whole.optional(),
  tls: routerTls.optional(),
  observability: z
    .object({ accessLogs: flag.optional(), metrics: flag.optional(), tracing: flag.optional(), traceVerbosity: z.string().optional() })
    .optional(),
})
export type RouterConfig = z.output<typeof routerSchema>

const cookie = z.object({
  name: z.string().optional(),
  secure: flag.default(false),
  httpOnly: flag.default(false),
  sameSite: z.string().optional(),
  maxAge: whole.default(0),
  path: z.string().default('/'),
  domain: z.string().optional(),
})
export type CookieConfig = z.output<typeof cookie>
const sticky = z.object({ cookie: cookie.optional() })

const server = z.object({
  url: z.string().optional(),
  weight: whole.optional(),
  preservePath: flag.default(false),
  // Of labels alone: the parts from which the URL is made.
  scheme: z.string().optional(),
  port: z.string().optional(),
})

const healthCheck = z.object({
  scheme: z.string().optional(),
  mode: z.string().default('http'),
  path: z.string().optional(),
  method: z.string().optional(),
  status: whole.optional(),
  port: whole.optional(),
  interval: duration.default(30_000),
  unhealthyInterval: duration.optional(),
  timeout: duration.default(5_000),
  hostname: z.string().optional(),
  followRedirects: flag.default(true),
  headers: named(z.string()).optional(),
})
export type HealthCheckConfig = z.output<typeof healthCheck>

const passiveHealthCheck = z.object({ failureWindow: duration.default(10_000), maxFailedAttempts: whole.default(1) })

const loadBalancer = z
  .object({
    sticky: sticky.optional(),
    servers: z.array(server).default([]),
    strategy: z.string().default('wrr'),
    healthCheck: healthCheck.optional(),
    passiveHealthCheck: passiveHealthCheck.optional(),
    passHostHeader: flag.default(true),
    responseForwarding: z.object({ flushInterval: duration.default(100) }).optional(),
    serversTransport: z.string().optional(),
  })
  .meta({ aliases: { server: 'servers' } })
export type LoadBalancerConfig = z.output<typeof loadBalancer>

const share = z.object({ name: z.string(), weight: whole.default(1) })
const childHealth = z.object({}).optional()

export const serviceSchema = z.object({
  loadBalancer: loadBalancer.optional(),
  weighted: z.object({ services: z.array(share).default([]), sticky: sticky.optional(), healthCheck: childHealth }).optional(),
  highestRandomWeight: z.object({ services: z.array(share).default([]), healthCheck: childHealth }).optional(),
  mirroring: z
    .object({
      service: z.string().optional(),
      mirrorBody: flag.default(true),
      maxBodySize: whole.default(-1),
      mirrors: z.array(z.object({ name: z.string(), percent: whole.default(0) })).default([]),
      healthCheck: childHealth,
    })
    .optional(),
  failover: z
    .object({
      service: z.string().optional(),
      fallback: z.string().optional(),
      healthCheck: childHealth,
      errors: z.object({ maxRequestBodyBytes: whole.default(-1), status: texts.optional() }).optional(),
    })
    .optional(),
  middlewares: texts.optional(),
})
export type ServiceConfig = z.output<typeof serviceSchema>

const certificate = z.object({ certFile: z.string().optional(), keyFile: z.string().optional(), stores: texts.optional() })

export const transportSchema = z.object({
  serverName: z.string().optional(),
  insecureSkipVerify: flag.default(false),
  rootCAs: texts.optional(),
  certificates: z.array(certificate).optional(),
  cipherSuites: texts.optional(),
  minVersion: z.string().optional(),
  maxVersion: z.string().optional(),
  maxIdleConnsPerHost: whole.optional(),
  forwardingTimeouts: z
    .object({
      dialTimeout: duration.default(30_000),
      responseHeaderTimeout: duration.default(0),
      idleConnTimeout: duration.default(90_000),
      readIdleTimeout: duration.optional(),
      pingTimeout: duration.optional(),
    })
    .prefault({}),
  disableHTTP2: flag.optional(),
  peerCertURI: z.string().optional(),
  spiffe: ignored,
})
export type TransportConfig = z.output<typeof transportSchema>

export const tlsSchema = z.object({
  certificates: z.array(certificate).optional(),
  options: named(
    z.object({
      minVersion: z.string().optional(),
      maxVersion: z.string().optional(),
      cipherSuites: texts.optional(),
      curvePreferences: texts.optional(),
      clientAuth: z.object({ caFiles: texts.optional(), clientAuthType: z.string().optional() }).optional(),
      sniStrict: flag.optional(),
      alpnProtocols: texts.optional(),
      disableSessionTickets: flag.optional(),
      preferServerCipherSuites: flag.optional(),
    }),
  ).optional(),
  stores: named(
    z.object({
      defaultCertificate: certificate.optional(),
      defaultGeneratedCert: z.object({ resolver: z.string().optional(), domain: domain.optional() }).optional(),
    }),
  ).optional(),
})
export type TlsConfig = z.output<typeof tlsSchema>

export const dynamicSchema = z.object({
  http: z
    .object({
      routers: named(routerSchema).default({}),
      services: named(serviceSchema).default({}),
      middlewares: named(middlewareSchema).default({}),
      serversTransports: named(transportSchema).default({}),
      models: ignored,
    })
    .prefault({}),
  tls: tlsSchema.optional(),
  // Streams that are no HTTP are not served; the file that names them is taken all the same.
  tcp: ignored,
  udp: ignored,
})
export type DynamicConfig = z.output<typeof dynamicSchema>
