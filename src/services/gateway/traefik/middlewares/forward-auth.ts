// Asks another address whether a request may pass; what it refuses with is the answer. Upstream: `forwardAuth`.
import { z } from 'zod'
import { HeaderTable } from '../../header-table.ts'
import { HeadAnswer, respond } from '../answer.ts'
import { flag, texts, whole } from '../config/types.ts'
import type { Flight } from '../flight.ts'
import { GoRegExpError, goRegExp } from '../go-regexp.ts'
import { NO_LIMIT, readBody, TOO_LARGE } from '../request-body.ts'
import { forwardedPort, isManaged, MANAGED } from '../x-forwarded.ts'
import { defineMiddleware, MiddlewareError, type MiddlewareSetup } from './middleware.ts'

const TIMEOUT_MS = 30_000
// An answer of the asked address that no option bounds.
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
const HOP = new Set(['connection', 'keep-alive', 'te', 'trailer', 'trailers', 'transfer-encoding', 'upgrade', 'host', 'content-length'])

const config = z.object({
  address: z.string().default(''),
  tls: z
    .object({
      ca: z.string().optional(),
      cert: z.string().optional(),
      key: z.string().optional(),
      insecureSkipVerify: flag.default(false),
      caOptional: flag.optional(),
    })
    .optional(),
  trustForwardHeader: flag.optional(),
  authResponseHeaders: texts.default([]),
  authResponseHeadersRegex: z.string().default(''),
  authRequestHeaders: texts.default([]),
  maxResponseBodySize: whole.default(-1),
  addAuthCookiesToResponse: texts.default([]),
  headerField: z.string().default(''),
  forwardBody: flag.default(false),
  maxBodySize: whole.default(-1),
  preserveLocationHeader: flag.default(false),
  preserveRequestMethod: flag.default(false),
  authSigninURL: z.string().default(''),
})
type Config = z.output<typeof config>

export const forwardAuth = defineMiddleware({
  name: 'forwardAuth',
  config,
  build(given, setup) {
    if (!/^https?:\/\//.test(given.address) || !URL.canParse(given.address))
      throw new MiddlewareError(`the address of a forwardAuth is a URL with http or https, not ${JSON.stringify(given.address)}`)
    const address = new URL(given.address)
    let pattern: RegExp | undefined
    try {
      pattern = given.authResponseHeadersRegex === '' ? undefined : goRegExp(given.authResponseHeadersRegex)
    } catch (error) {
      if (error instanceof GoRegExpError)
        throw new MiddlewareError(`error compiling regular expression ${given.authResponseHeadersRegex}: ${error.message}`)
      throw error
    }
    const cookies = new Set(given.addAuthCookiesToResponse)
    return (next) => async (flight, answer) => {
      let body: Buffer = Buffer.alloc(0)
      if (given.forwardBody) {
        const read = await readBody(flight, given.maxBodySize < 0 ? NO_LIMIT : given.maxBodySize)
        if (read === TOO_LARGE) return respond(answer, 401, '')
        body = read
      }
      const asked = await ask(flight, given, address, body, setup, answer.onClose.bind(answer))
      if (asked === 'failed') return respond(answer, answer.closed ? 499 : 500, '')
      if (asked === 'too large') return respond(answer, 401, '')
      const headers = HeaderTable.fromRaw(asked.headers)
      const user = given.headerField === '' ? undefined : headers.get(given.headerField.toLowerCase())
      if (user !== undefined) flight.notes.clientUser = user
      if (given.authSigninURL !== '' && asked.status === 401) return respond(answer, 302, '', ['Location', given.authSigninURL])
      if (asked.status < 200 || asked.status >= 300) {
        headers.removeWhere((key) => HOP.has(key))
        const location = headers.get('location')
        if (location && !given.preserveLocationHeader && URL.canParse(location, address.href))
          headers.set('Location', new URL(location, address).href)
        return respond(answer, asked.status, asked.body, headers.toRaw())
      }
      takeOver(flight, headers, given.authResponseHeaders, pattern)
      const authCookies = headers.has('set-cookie') ? headers.all('set-cookie') : []
      await next(flight, authCookies.length === 0 ? answer : new HeadAnswer(answer, (table) => mergeCookies(table, authCookies, cookies)))
    }
  },
})

async function ask(
  flight: Flight,
  given: Config,
  address: URL,
  body: Buffer,
  setup: MiddlewareSetup,
  onClose: (listener: () => void) => () => void,
): Promise<{ status: number; headers: string[]; body: Buffer } | 'failed' | 'too large'> {
  const gone = new AbortController()
  const off = onClose(() => gone.abort())
  const maxBytes = given.maxResponseBodySize < 0 ? MAX_ANSWER_BYTES : given.maxResponseBodySize
  try {
    const answer = await setup.fetch(address, {
      method: given.preserveRequestMethod ? flight.method : 'GET',
      headers: askedHeaders(flight, given).toRaw(),
      body,
      timeoutMs: TIMEOUT_MS,
      maxBytes,
      tlsVerify: !(given.tls?.insecureSkipVerify ?? false),
      signal: gone.signal,
    })
    return answer.body.length > maxBytes ? 'too large' : answer
  } catch (error) {
    setup.log.error(
      { middleware: setup.name, code: (error as NodeJS.ErrnoException).code ?? (error as Error).message },
      'forwardAuth got no answer',
    )
    return 'failed'
  } finally {
    off()
  }
}

/** Upstream: writeHeader, and oldWriteHeader where trustForwardHeader is not set. */
function askedHeaders(flight: Flight, { trustForwardHeader: trust, authRequestHeaders }: Config): HeaderTable {
  const table = flight.headers.copy()
  table.removeWhere((key) => HOP.has(key) || (trust === false && isManaged(key)))
  if (authRequestHeaders.length > 0) {
    const wanted = new Set([...authRequestHeaders.map((name) => name.toLowerCase()), ...(trust ? MANAGED : [])])
    table.removeWhere((key) => !wanted.has(key))
  }
  const proto = flight.secure ? 'https' : 'http'
  const uri = `${flight.path || '/'}${flight.query}`
  if (trust === undefined) {
    table.set('X-Forwarded-For', flight.peer)
    table.set('X-Forwarded-Proto', proto)
    table.set('X-Forwarded-Method', flight.method)
    table.set('X-Forwarded-Host', flight.host)
    table.set('X-Forwarded-Uri', uri)
    return table
  }
  const prior = table.has('x-forwarded-for') ? `${table.all('x-forwarded-for').join(', ')}, ` : ''
  table.set('X-Forwarded-For', prior + flight.peer)
  const fill = (name: string, value: string) => {
    if (!table.has(name.toLowerCase())) table.set(name, value)
  }
  fill('X-Forwarded-Method', flight.method)
  fill('X-Forwarded-Proto', proto)
  fill('X-Forwarded-Port', forwardedPort(flight.host, table.get('x-forwarded-proto'), flight.secure))
  fill('X-Forwarded-Host', flight.host)
  fill('X-Forwarded-Uri', uri)
  return table
}

/** The named headers are those of the answer alone, whatever the client sent under these names. */
function takeOver(flight: Flight, answer: HeaderTable, names: readonly string[], pattern: RegExp | undefined): void {
  for (const name of names) {
    const key = name.toLowerCase()
    flight.headers.remove(key)
    if (answer.has(key)) for (const value of answer.all(key)) flight.headers.append(name, value, key)
  }
  if (!pattern) return
  const matches = (key: string) => pattern.test(canonicalName(key))
  flight.headers.removeWhere(matches)
  answer.keys().forEach((key, at) => {
    if (matches(key)) flight.headers.append(answer.nameAt(at), answer.valueAt(at), key)
  })
}

/** As Go spells header names, which patterns are written for. */
const canonicalName = (key: string): string =>
  key.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())

function mergeCookies(table: HeaderTable, given: readonly string[], wanted: ReadonlySet<string>): void {
  const nameOf = (cookie: string) => cookie.split('=', 1)[0]!.trim()
  const own = table.has('set-cookie') ? table.all('set-cookie') : []
  table.remove('set-cookie')
  for (const cookie of own) if (!wanted.has(nameOf(cookie))) table.append('Set-Cookie', cookie)
  for (const cookie of given) if (wanted.has(nameOf(cookie))) table.append('Set-Cookie', cookie)
}
