// Variables of upstream's gateway containers, by their names there. Reference: gateway.md A10 and B1. All others pass through
// unread: the declarative file may name any of them as `$NAME`.
import { z } from 'zod'
import { bool, count, list, secret, text, url } from '../../env/types.ts'

export const gatewayEnv = z
  .object({
    /** Path of the file; `PLINTH_GATEWAY_FORM` chooses one of our own when it is not set. */
    KONG_DECLARATIVE_CONFIG: text.optional(),
    KONG_DECLARATIVE_CONFIG_STRING: text.optional(),
    /** Which of the two files that come with Plinth is used when neither of the two above is set. */
    PLINTH_GATEWAY_FORM: z.enum(['self-hosted', 'local'], { error: () => 'self-hosted or local' }).default('self-hosted'),
    /** Flags as Traefik's program takes them, one a line: what `plinth serve gateway --entrypoints.web.address=:80` passes. */
    PLINTH_GATEWAY_FLAGS: text.optional(),
    KONG_PLUGINS: list.default(['bundled']),
    KONG_PROXY_LISTEN: text.default('0.0.0.0:8000, 0.0.0.0:8443 http2 ssl'),
    KONG_STATUS_LISTEN: text.default('off'),
    /** Shows keys: loopback addresses only, unless something else guards it. */
    KONG_ADMIN_LISTEN: text.default('off'),
    /** Folder of third parties' plugins that KONG_PLUGINS names. */
    PLINTH_GATEWAY_PLUGIN_DIR: text.default('plugins'),
    /** `off`, or a path (`/dev/stdout` too) and perhaps a format: combined, kong_log_format or json. */
    KONG_PROXY_ACCESS_LOG: text.default('off'),
    KONG_PORT_MAPS: list.default([]),
    KONG_TRUSTED_IPS: list.default([]),
    KONG_REAL_IP_HEADER: text.default('X-Real-IP'),
    KONG_REAL_IP_RECURSIVE: bool.default(false),
    KONG_HEADERS: list.default(['server_tokens', 'latency_tokens']),
    KONG_ERROR_DEFAULT_TYPE: text.default('text/plain'),
    /** A number with k, m or g; 0 is without limit. */
    KONG_CLIENT_MAX_BODY_SIZE: size('0'),
    KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE: size('0'),
    /** The largest head of a service's answer. */
    KONG_NGINX_PROXY_PROXY_BUFFER_SIZE: size('160k'),
    KONG_SSL_CERT: text.optional(),
    KONG_SSL_CERT_KEY: text.optional(),
    /** Folder in which a certificate of the gateway's own making is kept (`ssl/`); without one it lasts as long as the process. */
    KONG_PREFIX: text.optional(),
    /** Names under which the gateway is on the internet, comma separated: each gets a certificate from an authority (ACME). */
    PLINTH_DOMAIN: list
      .refine((names) => names.every((name) => DOMAIN.test(name)), { error: () => 'names such as api.example.org, without scheme or port' })
      .default([]),
    /** Where the authority sends warnings. */
    PLINTH_ACME_EMAIL: text.default(''),
    PLINTH_ACME_DIRECTORY_URL: url.default('https://acme-v02.api.letsencrypt.org/directory'),
    /** The proof that the authority asks for: on port 80 (http-01) or 443 (tls-alpn-01) of each name. */
    PLINTH_ACME_CHALLENGE: z.enum(['http-01', 'tls-alpn-01'], { error: () => 'http-01 or tls-alpn-01' }).default('http-01'),
    SUPABASE_ANON_KEY: secret.default(''),
    SUPABASE_SERVICE_KEY: secret.default(''),
    SUPABASE_PUBLISHABLE_KEY: secret.default(''),
    SUPABASE_SECRET_KEY: secret.default(''),
    ANON_KEY_ASYMMETRIC: secret.default(''),
    SERVICE_ROLE_KEY_ASYMMETRIC: secret.default(''),
    DASHBOARD_USERNAME: text.default(''),
    DASHBOARD_PASSWORD: secret.default(''),
    JWT_ISSUER: text.default(''),
    KONG_UPSTREAM_KEEPALIVE_POOL_SIZE: count.optional(),
  })
  .catchall(z.string())

export type GatewayEnv = z.output<typeof gatewayEnv>

const DOMAIN = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

function size(fallback: string) {
  return z
    .string()
    .refine((value) => /^\d{1,12}[kmg]?$/i.test(value.trim()), { error: () => 'a size such as 0, 160k or 10m' })
    .default(fallback)
    .transform((value) => {
      const [, number = '0', unit = ''] = /^(\d+)([kmg]?)$/i.exec(value.trim()) ?? []
      return Number(number) * UNITS[unit.toLowerCase()]!
    })
}
