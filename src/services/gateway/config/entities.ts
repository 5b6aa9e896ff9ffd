// The entities of a declarative file: their fields with types and defaults, what nests in what, and by which name they are known.
import { createPublicKey, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { between, headerName, port, reference, tags, text, timeoutMs, uuid, wholeNumber } from './fields.ts'
import { healthchecks } from './healthchecks.ts'

const id = uuid.optional()
const stamps = { created_at: wholeNumber.optional(), updated_at: wholeNumber.optional() }

const SERVICE_PROTOCOLS = ['http', 'https', 'grpc', 'grpcs', 'tcp', 'tls', 'udp', 'tls_passthrough'] as const
const ROUTE_PROTOCOLS = SERVICE_PROTOCOLS
const PLUGIN_PROTOCOLS = ['grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'udp'] as const
// Recognised so that the message can be exact; there is no proxy for them here.
const UNSERVED: ReadonlySet<string> = new Set(['grpc', 'grpcs', 'tcp', 'tls', 'udp', 'tls_passthrough'])

const servedProtocol = (protocols: readonly [string, ...string[]]) =>
  z.enum(protocols).refine((protocol) => !UNSERVED.has(protocol), { error: 'this protocol is not served here: http and https are' })

export const service = z.strictObject({
  id,
  name: text.optional(),
  protocol: servedProtocol(SERVICE_PROTOCOLS).default('http'),
  host: text,
  port: port.default(80),
  path: z
    .string()
    .regex(/^\//, 'should start with: /')
    .refine((path) => !path.includes('//'), 'must not have empty segments')
    .optional(),
  retries: between(0, 32_767).default(5),
  connect_timeout: timeoutMs,
  write_timeout: timeoutMs,
  read_timeout: timeoutMs,
  enabled: z.boolean().default(true),
  tls_verify: z.boolean().optional(),
  tls_verify_depth: between(0, 64).optional(),
  client_certificate: reference.optional(),
  ca_certificates: z.array(uuid).optional(),
  tags,
  ...stamps,
})

/** `url` is short for protocol, host, port and path, and wins over them. What is no URL is left for the fields to complain about. */
export function expandUrl(given: Record<string, unknown>): Record<string, unknown> {
  const { url, ...rest } = given
  if (typeof url !== 'string' || !URL.canParse(url)) return given
  const { protocol, hostname, port: number, pathname } = new URL(url)
  const scheme = protocol.slice(0, -1)
  // Supabase's files write the protocol `ws` beside an http url: the url decides.
  return {
    ...rest,
    protocol: scheme,
    host: hostname,
    port: number === '' ? (scheme === 'https' ? 443 : 80) : Number(number),
    ...(pathname === '/' && !/^[a-z]+:\/\/[^/]*\//i.test(url) ? {} : { path: pathname }),
  }
}

const HOST = /^(\*\.[^*:]+|[^*:]+\.\*|[^*:]+)(:\d{1,5})?$/

export const route = z
  .strictObject({
    id,
    name: text.optional(),
    protocols: z.array(servedProtocol(ROUTE_PROTOCOLS)).min(1).default(['http', 'https']),
    methods: z.array(z.string().regex(/^[A-Z]+$/, 'invalid value: expected upper case letters')).optional(),
    hosts: z.array(z.string().regex(HOST, 'invalid hostname')).optional(),
    // What a path may be depends on the version of the file: `load.ts` checks each.
    paths: z.array(z.string()).optional(),
    headers: z
      .record(headerName, z.array(z.string()).min(1))
      .refine((headers) => !Object.keys(headers).some((name) => name.toLowerCase() === 'host'), "cannot contain 'host' header")
      .optional(),
    snis: z.array(text).optional(),
    regex_priority: wholeNumber.default(0),
    strip_path: z.boolean().default(true),
    path_handling: z.enum(['v0', 'v1']).default('v0'),
    preserve_host: z.boolean().default(false),
    request_buffering: z.boolean().default(true),
    response_buffering: z.boolean().default(true),
    https_redirect_status_code: z.literal([426, 301, 302, 307, 308]).default(426),
    service: reference.optional(),
    tags,
    ...stamps,
  })
  .superRefine(({ methods, hosts, headers, paths, snis, protocols }, ctx) => {
    const some = [methods, hosts, paths, snis].some((list) => list && list.length > 0) || Object.keys(headers ?? {}).length > 0
    if (some) return
    const https = protocols.includes('https')
    const names = https ? "'methods', 'hosts', 'headers', 'paths', 'snis'" : "'methods', 'hosts', 'headers', 'paths'"
    ctx.addIssue({ code: 'custom', message: `must set one of ${names} when 'protocols' is '${https ? 'https' : 'http'}'` })
  })

export const consumer = z
  .strictObject({ id, username: text.optional(), custom_id: text.optional(), tags, ...stamps })
  .refine(({ username, custom_id }) => username !== undefined || custom_id !== undefined, {
    error: "at least one of these fields must be non-empty: 'custom_id', 'username'",
  })

export const acl = z.strictObject({ id, consumer: reference, group: text, tags, ...stamps })
export const keyauthCredential = z.strictObject({ id, consumer: reference, key: text, ttl: wholeNumber.optional(), tags, ...stamps })
export const basicauthCredential = z.strictObject({ id, consumer: reference, username: text, password: text, tags, ...stamps })

export const plugin = z.strictObject({
  id,
  name: text,
  config: z.unknown().optional(),
  enabled: z.boolean().default(true),
  protocols: z.array(z.enum(PLUGIN_PROTOCOLS)).optional(),
  service: reference.optional(),
  route: reference.optional(),
  consumer: reference.optional(),
  run_on: z.enum(['first', 'second', 'all']).optional(),
  tags,
  ...stamps,
})

/** Their secrets are random where the file gives none. */
export const jwtSecret = z
  .strictObject({
    id,
    consumer: reference,
    key: text.optional(),
    secret: text.optional(),
    algorithm: z.enum(['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384']).default('HS256'),
    rsa_public_key: z.string().refine(isPublicKey, 'invalid key').optional(),
    tags,
    ...stamps,
  })
  .superRefine(({ algorithm, rsa_public_key }, ctx) => {
    if (!algorithm.startsWith('HS') && rsa_public_key === undefined)
      ctx.addIssue({ code: 'custom', path: ['rsa_public_key'], message: 'required field missing' })
  })
export const hmacauthCredential = z.strictObject({ id, consumer: reference, username: text, secret: text.optional(), tags, ...stamps })

export const certificate = z.strictObject({
  id,
  cert: z.string().refine(isCertificate, 'invalid certificate'),
  key: text,
  cert_alt: z.string().refine(isCertificate, 'invalid certificate').optional(),
  key_alt: text.optional(),
  tags,
  ...stamps,
})
const SNI = /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?\.?$|^\*$/
export const sni = z.strictObject({
  id,
  name: text.regex(SNI, 'invalid value: expected a hostname'),
  certificate: reference,
  tags,
  ...stamps,
})
export const caCertificate = z.strictObject({
  id,
  cert: z.string().refine(isCertificate, 'invalid certificate'),
  cert_digest: z.string().optional(),
  tags,
  ...stamps,
})

function isPublicKey(pem: string): boolean {
  try {
    createPublicKey(pem)
    return true
  } catch {
    // What is no key is told as such.
    return false
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== ''
  } catch {
    // What is no certificate is told as such.
    return false
  }
}

const HASH_INPUTS = ['none', 'consumer', 'ip', 'header', 'cookie', 'path', 'query_arg', 'uri_capture'] as const

export const upstream = z
  .strictObject({
    id,
    name: text.refine((name) => !/^[\d.]+$/.test(name) && !name.includes(':'), 'Invalid name; must be a valid hostname'),
    algorithm: z.enum(['round-robin', 'least-connections', 'consistent-hashing', 'latency']).default('round-robin'),
    slots: between(10, 65_536).default(10_000),
    hash_on: z.enum(HASH_INPUTS).default('none'),
    hash_fallback: z.enum(HASH_INPUTS).default('none'),
    hash_on_header: headerName.optional(),
    hash_fallback_header: headerName.optional(),
    hash_on_cookie: text.optional(),
    hash_on_cookie_path: z.string().regex(/^\//, 'should start with: /').default('/'),
    hash_on_query_arg: text.optional(),
    hash_fallback_query_arg: text.optional(),
    hash_on_uri_capture: text.optional(),
    hash_fallback_uri_capture: text.optional(),
    host_header: text.optional(),
    client_certificate: reference.optional(),
    use_srv_name: z.boolean().optional(),
    healthchecks,
    tags,
    ...stamps,
  })
  .superRefine((given, ctx) => {
    const missing = (field: keyof typeof given, when: boolean) => {
      if (when && given[field] === undefined) ctx.addIssue({ code: 'custom', path: [field], message: 'required field missing' })
    }
    for (const side of ['hash_on', 'hash_fallback'] as const)
      for (const what of ['header', 'query_arg', 'uri_capture'] as const) missing(`${side}_${what}`, given[side] === what)
    missing('hash_on_cookie', given.hash_on === 'cookie' || given.hash_fallback === 'cookie')
    if (given.hash_fallback !== 'none' && (given.hash_on === 'none' || given.hash_on === 'cookie'))
      ctx.addIssue({ code: 'custom', path: ['hash_fallback'], message: 'value must be none' })
    else if (given.hash_on !== 'none' && given.hash_on === given.hash_fallback && ['consumer', 'ip', 'path'].includes(given.hash_on))
      ctx.addIssue({ code: 'custom', path: ['hash_fallback'], message: `value must not be ${given.hash_on}` })
    if (given.hash_on_header && given.hash_on_header.toLowerCase() === given.hash_fallback_header?.toLowerCase())
      ctx.addIssue({ code: 'custom', message: "values of these fields must be distinct: 'hash_on_header', 'hash_fallback_header'" })
  })
export const target = z.strictObject({
  id,
  upstream: reference,
  target: text.regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s/]+)(:\d{1,5})?$/, 'Invalid target; not a valid hostname or ip address'),
  weight: between(0, 65_535).default(100),
  tags,
  ...stamps,
})

export interface Kind {
  readonly schema: z.ZodType<Record<string, unknown>>
  /** The field by which others refer to it and by which its id is made. */
  readonly key: string
  /** Lists that may stand inside: which field of the inner entity then points here. */
  readonly nested: Readonly<Record<string, string>>
  /** Fields that name another entity. */
  readonly references: Readonly<Record<string, KindName>>
}

const kind = (
  schema: z.ZodType<object>,
  key: string,
  references: Readonly<Record<string, KindName>> = {},
  nested: Readonly<Record<string, string>> = {},
): Kind => ({ schema: schema as z.ZodType<Record<string, unknown>>, key, nested, references })

export type KindName =
  | 'services'
  | 'routes'
  | 'consumers'
  | 'upstreams'
  | 'targets'
  | 'plugins'
  | 'acls'
  | 'keyauth_credentials'
  | 'basicauth_credentials'
  | 'jwt_secrets'
  | 'hmacauth_credentials'
  | 'certificates'
  | 'snis'
  | 'ca_certificates'

export const kinds: Readonly<Record<KindName, Kind>> = {
  services: kind(service, 'name', { client_certificate: 'certificates' }, { routes: 'service', plugins: 'service' }),
  routes: kind(route, 'name', { service: 'services' }, { plugins: 'route' }),
  consumers: kind(
    consumer,
    'username',
    {},
    {
      acls: 'consumer',
      keyauth_credentials: 'consumer',
      basicauth_credentials: 'consumer',
      jwt_secrets: 'consumer',
      hmacauth_credentials: 'consumer',
      plugins: 'consumer',
    },
  ),
  upstreams: kind(upstream, 'name', { client_certificate: 'certificates' }, { targets: 'upstream' }),
  targets: kind(target, 'target', { upstream: 'upstreams' }),
  plugins: kind(plugin, 'name', { service: 'services', route: 'routes', consumer: 'consumers' }),
  acls: kind(acl, 'group', { consumer: 'consumers' }),
  keyauth_credentials: kind(keyauthCredential, 'key', { consumer: 'consumers' }),
  basicauth_credentials: kind(basicauthCredential, 'username', { consumer: 'consumers' }),
  jwt_secrets: kind(jwtSecret, 'key', { consumer: 'consumers' }),
  hmacauth_credentials: kind(hmacauthCredential, 'username', { consumer: 'consumers' }),
  certificates: kind(certificate, 'cert', {}, { snis: 'certificate' }),
  snis: kind(sni, 'name', { certificate: 'certificates' }),
  ca_certificates: kind(caCertificate, 'cert'),
}

export interface Entities {
  services: Entity<z.output<typeof service>>[]
  routes: Entity<z.output<typeof route>>[]
  consumers: Entity<z.output<typeof consumer>>[]
  upstreams: Entity<z.output<typeof upstream>>[]
  targets: Entity<z.output<typeof target>>[]
  plugins: Entity<z.output<typeof plugin>>[]
  acls: Entity<z.output<typeof acl>>[]
  keyauth_credentials: Entity<z.output<typeof keyauthCredential>>[]
  basicauth_credentials: Entity<z.output<typeof basicauthCredential>>[]
  jwt_secrets: Entity<z.output<typeof jwtSecret>>[]
  hmacauth_credentials: Entity<z.output<typeof hmacauthCredential>>[]
  certificates: Entity<z.output<typeof certificate>>[]
  snis: Entity<z.output<typeof sni>>[]
  ca_certificates: Entity<z.output<typeof caCertificate>>[]
}

/** A checked entity: its id, given or made from its name, and what it points to. */
export interface Entity<Fields> {
  readonly id: string
  readonly fields: Fields
  /** Ids of what its references name. */
  readonly links: Readonly<Record<string, string | undefined>>
  readonly where: readonly (string | number)[]
}
