// Tells browsers who may call from where, and answers their preflights before anything else looks at them. Upstream: Kong's `cors`.
import { z } from 'zod'
import type { Exchange } from '../exchange.ts'
import { definePlugin } from '../plugin.ts'
import type { ResponseHead } from '../response-head.ts'

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'] as const
/** Any character outside makes an origin a pattern. */
const PLAIN_ORIGIN = /^[A-Za-z0-9.:/-]*$/

export const cors = definePlugin({
  name: 'cors',
  priority: 2000,
  takesConsumer: false,
  config: z.strictObject({
    origins: z
      .array(
        z.string().refine((origin) => origin === '*' || PLAIN_ORIGIN.test(origin) || patternOf(origin) !== undefined, 'not a valid regex'),
      )
      .optional(),
    headers: z.array(z.string()).optional(),
    exposed_headers: z.array(z.string()).optional(),
    methods: z.array(z.enum(METHODS)).default([...METHODS]),
    max_age: z.number().optional(),
    credentials: z.boolean().default(false),
    preflight_continue: z.boolean().default(false),
  }),
  access: ({ methods, headers, max_age, preflight_continue }) => {
    const allowMethods = methods.join(',')
    return (exchange) => {
      if (exchange.method !== 'OPTIONS' || preflight_continue) return undefined
      if (!exchange.sent('origin') || !exchange.sent('access-control-request-method')) return undefined
      const allowHeaders = headers?.join(',') ?? exchange.headers.get('access-control-request-headers')
      return {
        status: 200,
        body: '',
        contentType: undefined,
        headers: [
          ['Access-Control-Allow-Methods', allowMethods],
          ...(allowHeaders ? [['Access-Control-Allow-Headers', allowHeaders] as const] : []),
          ...(max_age === undefined ? [] : [['Access-Control-Max-Age', String(max_age)] as const]),
        ],
      }
    }
  },
  headers: ({ origins, credentials, exposed_headers }) => {
    const exposed = exposed_headers?.join(',')
    // The common case asks nothing of the request.
    if (everybodyMay(origins) && !credentials && !exposed) return (_, head) => head.headers.set(ALLOW_ORIGIN, '*', ALLOW_ORIGIN_KEY)
    const allowed = allowedOrigin(origins ?? [], credentials)
    return (exchange, head) => {
      const { value, varies } = allowed(exchange.sent('origin'))
      if (varies) addVary(head)
      if (value === undefined) {
        head.headers.remove(ALLOW_ORIGIN_KEY)
        return
      }
      head.headers.set(ALLOW_ORIGIN, value, ALLOW_ORIGIN_KEY)
      if (credentials && value !== '*') head.headers.set('Access-Control-Allow-Credentials', 'true')
      if (exposed && !isPreflight(exchange)) head.headers.set('Access-Control-Expose-Headers', exposed)
    }
  },
})

const ALLOW_ORIGIN = 'Access-Control-Allow-Origin'
const ALLOW_ORIGIN_KEY = ALLOW_ORIGIN.toLowerCase()

const everybodyMay = (origins: readonly string[] | undefined): boolean => !origins || origins.length === 0 || origins.includes('*')

interface Allowed {
  readonly value: string | undefined
  readonly varies: boolean
}

/** The rule of a configuration, as a function of the Origin header. */
function allowedOrigin(origins: readonly string[], credentials: boolean): (origin: string | undefined) => Allowed {
  const everybody: Allowed = { value: '*', varies: false }
  if (everybodyMay(origins)) {
    if (!credentials) return () => everybody
    return (origin) => (origin ? { value: origin, varies: true } : everybody)
  }
  const [only = ''] = origins
  if (origins.length === 1 && PLAIN_ORIGIN.test(only)) return () => ({ value: only, varies: true })
  const tests = origins.map(originTest)
  return (origin) => {
    const plain = origin === undefined ? undefined : withoutDefaultPort(origin)
    return { value: plain !== undefined && tests.some((test) => test(plain)) ? plain : undefined, varies: true }
  }
}

function originTest(configured: string): (origin: string) => boolean {
  // Without a scheme only the host is compared.
  const subject = configured.includes(':') ? (origin: string) => origin : hostOf
  if (PLAIN_ORIGIN.test(configured)) {
    const wanted = configured.includes(':') ? withoutDefaultPort(configured) : configured
    return (origin) => subject(origin) === wanted
  }
  const pattern = patternOf(configured)!
  return (origin) => pattern.test(subject(origin))
}

function patternOf(configured: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${configured})$`)
  } catch {
    // No pattern: the check of the configuration says so.
    return undefined
  }
}

function withoutDefaultPort(origin: string): string {
  return origin.replace(/^(http:\/\/[^/]*):80$|^(https:\/\/[^/]*):443$/, '$1$2')
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : origin
}

function addVary(head: ResponseHead): void {
  if (!head.headers.all('vary').some((line) => /(^|,)\s*(origin|\*)\s*(,|$)/i.test(line))) head.headers.append('Vary', 'Origin')
}

function isPreflight(exchange: Exchange): boolean {
  return (
    exchange.req.method === 'OPTIONS' &&
    exchange.sent('origin') !== undefined &&
    exchange.sent('access-control-request-method') !== undefined
  )
}
