// The static configuration: entry points, providers, and what Traefik tells about itself. Reference: gateway.md C1.
import { z } from 'zod'
import { encodedCharactersSchema } from '../middlewares/encoded-characters.ts'
import { duration, flag, ignored, named, texts, whole } from './types.ts'

const domains = z.array(z.object({ main: z.string().optional(), sans: texts.optional() })).optional()

export const entryPointSchema = z.object({
  address: z.string().default(''),
  allowACMEByPass: flag.optional(),
  reusePort: flag.optional(),
  asDefault: flag.default(false),
  transport: z
    .object({
      lifeCycle: z.object({ requestAcceptGraceTimeout: duration.default(0), graceTimeOut: duration.default(10_000) }).prefault({}),
      respondingTimeouts: z
        .object({ readTimeout: duration.default(60_000), writeTimeout: duration.default(0), idleTimeout: duration.default(180_000) })
        .prefault({}),
      keepAliveMaxTime: duration.default(0),
      keepAliveMaxRequests: whole.default(0),
    })
    .prefault({}),
  proxyProtocol: z.object({ insecure: flag.default(false), trustedIPs: texts.default([]) }).optional(),
  forwardedHeaders: z
    .object({
      insecure: flag.default(false),
      trustedIPs: texts.default([]),
      connection: texts.default([]),
      notAppendXForwardedFor: flag.default(false),
    })
    .prefault({}),
  http: z
    .object({
      redirections: z
        .object({
          entryPoint: z
            .object({
              to: z.string().default(''),
              scheme: z.string().default('https'),
              permanent: flag.default(true),
              priority: whole.optional(),
            })
            .optional(),
        })
        .optional(),
      middlewares: texts.default([]),
      tls: z.object({ options: z.string().optional(), certResolver: z.string().optional(), domains }).optional(),
      encodedCharacters: encodedCharactersSchema(true).prefault({}),
      encodeQuerySemicolons: flag.default(false),
      sanitizePath: flag.default(true),
      maxHeaderBytes: whole.default(1_048_576),
      underscoreHeadersStrategy: z.enum(['keep', 'delete', 'reject'], { error: () => 'keep, delete or reject' }).default('keep'),
    })
    .prefault({}),
  http2: ignored,
  http3: ignored,
  udp: ignored,
  observability: z
    .object({
      accessLogs: flag.default(true),
      metrics: flag.default(true),
      tracing: flag.optional(),
      traceVerbosity: z.string().optional(),
    })
    .prefault({}),
})
export type EntryPointConfig = z.output<typeof entryPointSchema>

const labelled = {
  exposedByDefault: flag.default(true),
  defaultRule: z.string().optional(),
  constraints: z.string().default(''),
  watch: flag.default(true),
}

const accessLog = z.object({
  filePath: z.string().default(''),
  format: z.string().default('common'),
  filters: z.object({ statusCodes: texts.default([]), retryAttempts: flag.default(false), minDuration: duration.default(0) }).optional(),
  fields: z
    .object({
      defaultMode: z.string().default('keep'),
      names: named(z.string()).default({}),
      headers: z.object({ defaultMode: z.string().default('drop'), names: named(z.string()).default({}) }).optional(),
    })
    .optional(),
  bufferingSize: whole.default(0),
  addInternals: flag.default(false),
  otlp: ignored,
  dualOutput: flag.optional(),
})
export type AccessLogConfig = z.output<typeof accessLog>

export const staticSchema = z.object({
  global: ignored,
  serversTransport: z
    .object({
      insecureSkipVerify: flag.default(false),
      rootCAs: texts.optional(),
      maxIdleConnsPerHost: whole.optional(),
      forwardingTimeouts: z
        .object({
          dialTimeout: duration.default(30_000),
          responseHeaderTimeout: duration.default(0),
          idleConnTimeout: duration.default(90_000),
        })
        .prefault({}),
      spiffe: ignored,
    })
    .prefault({}),
  tcpServersTransport: ignored,
  entryPoints: named(entryPointSchema).default({}),
  providers: z
    .object({
      providersThrottleDuration: duration.default(2_000),
      precedence: texts.optional(),
      file: z
        .object({
          filename: z.string().default(''),
          directory: z.string().default(''),
          watch: flag.default(true),
          debugLogGeneratedTemplate: flag.optional(),
        })
        .optional(),
      compose: z.object({ filename: z.string().default(''), ...labelled }).optional(),
      // Names the compose provider goes by as well: a static configuration for Docker is taken as it is.
      docker: z
        .object({
          ...labelled,
          endpoint: z.string().optional(),
          network: z.string().optional(),
          useBindPortIP: flag.optional(),
          allowEmptyServices: flag.optional(),
          username: z.string().optional(),
          password: z.string().optional(),
          httpClientTimeout: duration.optional(),
          tls: ignored,
        })
        .optional(),
    })
    .prefault({}),
  api: z
    .object({
      basePath: z.string().default('/'),
      insecure: flag.default(false),
      dashboard: flag.default(true),
      debug: flag.default(false),
      disableDashboardAd: flag.default(false),
      dashboardName: z.string().default(''),
    })
    .optional(),
  metrics: z
    .object({
      addInternals: flag.default(false),
      prometheus: z
        .object({
          buckets: z.array(z.number()).default([0.1, 0.3, 1.2, 5]),
          addEntryPointsLabels: flag.default(true),
          addRoutersLabels: flag.default(false),
          addServicesLabels: flag.default(true),
          entryPoint: z.string().default('traefik'),
          manualRouting: flag.default(false),
          headerLabels: named(z.string()).optional(),
        })
        .optional(),
    })
    .optional(),
  ping: z
    .object({ entryPoint: z.string().default('traefik'), manualRouting: flag.default(false), terminatingStatusCode: whole.default(503) })
    .optional(),
  log: z
    .object({
      level: z.string().default('ERROR'),
      format: z.string().default('common'),
      noColor: flag.optional(),
      filePath: z.string().optional(),
      maxSize: whole.optional(),
      maxAge: whole.optional(),
      maxBackups: whole.optional(),
      compress: flag.optional(),
      otlp: ignored,
    })
    .optional(),
  accessLog: accessLog.optional(),
  tracing: ignored,
  hostResolver: ignored,
  certificatesResolvers: named(
    z.object({
      acme: z
        .object({
          email: z.string().default(''),
          caServer: z.string().default('https://acme-v02.api.letsencrypt.org/directory'),
          preferredChain: z.string().optional(),
          storage: z.string().default('acme.json'),
          keyType: z.string().default('RSA4096'),
          eab: z.object({ kid: z.string().optional(), hmacEncoded: z.string().optional() }).optional(),
          certificatesDuration: whole.optional(),
          caCertificates: texts.optional(),
          caSystemCertPool: flag.optional(),
          caServerName: z.string().optional(),
          profile: z.string().optional(),
          emailAddresses: texts.optional(),
          disableCommonName: flag.optional(),
          clientTimeout: duration.optional(),
          clientResponseHeaderTimeout: duration.optional(),
          httpChallenge: z.object({ entryPoint: z.string().default(''), delay: duration.optional() }).optional(),
          tlsChallenge: z.object({ delay: duration.optional() }).optional(),
          dnsChallenge: z.object({ provider: z.string().optional() }).optional(),
        })
        .optional(),
      tailscale: ignored,
    }),
  ).optional(),
  experimental: ignored,
  core: z.object({ defaultRuleSyntax: z.string().default('v3') }).prefault({}),
  spiffe: ignored,
  ocsp: ignored,
})
export type StaticConfig = z.output<typeof staticSchema>
