// Headers of requests and answers: the user's own, CORS, and those that browsers take security from. Upstream: `headers`.
import { z } from 'zod'
import type { HeaderTable } from '../../header-table.ts'
import { HeadAnswer, respond } from '../answer.ts'
import { flag, named, texts, whole } from '../config/types.ts'
import type { Flight } from '../flight.ts'
import { canonicalHost } from '../flight.ts'
import { httpError } from '../go-http.ts'
import { GoRegExpError, goRegExp } from '../go-regexp.ts'
import { defineMiddleware, MiddlewareError, type Wrap } from './middleware.ts'

const config = z.object({
  customRequestHeaders: named(z.string()).default({}),
  customResponseHeaders: named(z.string()).default({}),
  accessControlAllowCredentials: flag.default(false),
  accessControlAllowHeaders: texts.default([]),
  accessControlAllowMethods: texts.default([]),
  accessControlAllowOriginList: texts.default([]),
  accessControlAllowOriginListRegex: texts.default([]),
  accessControlExposeHeaders: texts.default([]),
  accessControlMaxAge: whole.optional(),
  addVaryHeader: flag.default(false),
  allowedHosts: texts.default([]),
  hostsProxyHeaders: texts.default([]),
  sslProxyHeaders: named(z.string()).default({}),
  stsSeconds: whole.default(0),
  stsIncludeSubdomains: flag.default(false),
  stsPreload: flag.default(false),
  forceSTSHeader: flag.default(false),
  frameDeny: flag.default(false),
  customFrameOptionsValue: z.string().default(''),
  contentTypeNosniff: flag.default(false),
  browserXssFilter: flag.default(false),
  customBrowserXSSValue: z.string().default(''),
  contentSecurityPolicy: z.string().default(''),
  contentSecurityPolicyReportOnly: z.string().default(''),
  publicKey: z.string().default(''),
  referrerPolicy: z.string().default(''),
  permissionsPolicy: z.string().default(''),
  isDevelopment: flag.default(false),
  featurePolicy: z.string().default(''),
  sslRedirect: flag.default(false),
  sslTemporaryRedirect: flag.default(false),
  sslHost: z.string().default(''),
  sslForceHost: flag.default(false),
})
type Config = z.output<typeof config>

export const headers = defineMiddleware({
  name: 'headers',
  config,
  build(given) {
    const custom = Object.keys(given.customRequestHeaders).length > 0 || Object.keys(given.customResponseHeaders).length > 0
    const crossOrigin =
      given.accessControlAllowCredentials ||
      given.addVaryHeader ||
      given.accessControlMaxAge !== undefined ||
      [
        given.accessControlAllowHeaders,
        given.accessControlAllowMethods,
        given.accessControlAllowOriginList,
        given.accessControlAllowOriginListRegex,
        given.accessControlExposeHeaders,
      ].some((list) => list.length > 0)
    const secure = securityLines(given).length > 0 || given.stsSeconds > 0 || given.allowedHosts.length > 0 || given.isDevelopment
    if (!custom && !crossOrigin && !secure) throw new MiddlewareError('headers configuration not valid')
    const wraps: Wrap[] = []
    if (custom || crossOrigin) wraps.push(ownHeaders(given, crossOrigin))
    if (secure) wraps.push(securityHeaders(given))
    return (next) => wraps.reduceRight((inner, wrap) => wrap(inner), next)
  },
})

function ownHeaders(given: Config, crossOrigin: boolean): Wrap {
  const originFor = originMatcher(given)
  const requestHeaders = Object.entries(given.customRequestHeaders).map(([name, value]) => ({
    name,
    key: name.toLowerCase(),
    value: oneLine(name, value),
  }))
  const responseHeaders = Object.entries(given.customResponseHeaders).map(([name, value]) => ({
    name,
    key: name.toLowerCase(),
    value: oneLine(name, value),
  }))
  const credentials = given.accessControlAllowCredentials
  const exposed = given.accessControlExposeHeaders
  const expose = exposed.length > 0 && !(exposed.includes('*') && credentials) ? exposed.join(',') : undefined
  const changeAnswer = (table: HeaderTable, origin: string) => {
    for (const { name, key, value } of responseHeaders) {
      if (value === '') table.remove(key)
      else table.set(name, value, key)
    }
    const allowed = originFor(origin)
    if (allowed !== undefined) table.set('Access-Control-Allow-Origin', allowed)
    if (credentials) table.set('Access-Control-Allow-Credentials', 'true')
    if (expose !== undefined) table.set('Access-Control-Expose-Headers', expose)
    if (!given.addVaryHeader) return
    const vary = table.get('vary') ?? ''
    if (vary !== 'Origin') table.set('Vary', vary === '' ? 'Origin' : `${vary},Origin`)
  }
  return (next) => (flight, answer) => {
    const origin = flight.headers.get('origin') ?? ''
    const wanted = flight.headers.get('access-control-request-method')
    if (crossOrigin && wanted && origin && flight.method === 'OPTIONS') {
      respond(answer, 200, '', preflight(given, flight, wanted, originFor(origin), expose))
      return
    }
    for (const { name, key, value } of requestHeaders) {
      if (key === 'host' && value !== '') flight.host = value
      else if (value === '') {
        flight.headers.remove(key)
        if (key === 'x-forwarded-for') flight.dropForwardedFor = true
      } else flight.headers.set(name, value, key)
    }
    return next(flight, new HeadAnswer(answer, (table) => changeAnswer(table, origin)))
  }
}

function preflight(given: Config, flight: Flight, method: string, origin: string | undefined, expose: string | undefined): string[] {
  const { accessControlAllowCredentials: credentials, accessControlAllowHeaders: headers, accessControlAllowMethods: methods } = given
  const lines: string[] = []
  if (credentials) lines.push('Access-Control-Allow-Credentials', 'true')
  const asked = flight.headers.get('access-control-request-headers')
  if (headers.includes('*') && credentials) {
    if (asked) lines.push('Access-Control-Allow-Headers', asked)
  } else if (headers.length > 0) lines.push('Access-Control-Allow-Headers', headers.join(','))
  if (methods.includes('*') && credentials) lines.push('Access-Control-Allow-Methods', method)
  else if (methods.length > 0) lines.push('Access-Control-Allow-Methods', methods.join(','))
  if (origin !== undefined) lines.push('Access-Control-Allow-Origin', origin)
  if (given.accessControlMaxAge !== undefined) lines.push('Access-Control-Max-Age', String(given.accessControlMaxAge))
  if (expose !== undefined) lines.push('Access-Control-Expose-Headers', expose)
  return lines
}

/** What Access-Control-Allow-Origin says to an origin; undefined says nothing. */
function originMatcher(given: Config): (origin: string) => string | undefined {
  const list = given.accessControlAllowOriginList
  const patterns = given.accessControlAllowOriginListRegex.map((source) => {
    try {
      return goRegExp(source)
    } catch (error) {
      if (error instanceof GoRegExpError) throw new MiddlewareError(`error occurred during origin parsing: ${error.message}`)
      throw error
    }
  })
  return (origin) => {
    for (const item of list) {
      if (item === origin) return item
      if (item === '*') return given.accessControlAllowCredentials ? origin : item
    }
    return patterns.some((pattern) => pattern.test(origin)) ? origin : undefined
  }
}

/** Upstream: unrolled/secure. */
function securityLines(given: Config): [name: string, value: string][] {
  const lines: [string, string][] = []
  if (given.customFrameOptionsValue !== '') lines.push(['X-Frame-Options', given.customFrameOptionsValue])
  else if (given.frameDeny) lines.push(['X-Frame-Options', 'DENY'])
  if (given.contentTypeNosniff) lines.push(['X-Content-Type-Options', 'nosniff'])
  if (given.customBrowserXSSValue !== '') lines.push(['X-XSS-Protection', given.customBrowserXSSValue])
  else if (given.browserXssFilter) lines.push(['X-XSS-Protection', '1; mode=block'])
  if (given.publicKey !== '' && !given.isDevelopment) lines.push(['Public-Key-Pins', given.publicKey])
  if (given.contentSecurityPolicy !== '') lines.push(['Content-Security-Policy', given.contentSecurityPolicy])
  if (given.contentSecurityPolicyReportOnly !== '')
    lines.push(['Content-Security-Policy-Report-Only', given.contentSecurityPolicyReportOnly])
  if (given.referrerPolicy !== '') lines.push(['Referrer-Policy', given.referrerPolicy])
  if (given.permissionsPolicy !== '') lines.push(['Permissions-Policy', given.permissionsPolicy])
  return lines.map(([name, value]) => [name, oneLine(name, value)])
}

function securityHeaders(given: Config): Wrap {
  const lines = securityLines(given)
  const sts = given.stsSeconds > 0 && !given.isDevelopment
  const stsValue = `max-age=${given.stsSeconds}${given.stsIncludeSubdomains ? '; includeSubDomains' : ''}${given.stsPreload ? '; preload' : ''}`
  const sslHeaders = Object.entries(given.sslProxyHeaders).map(([name, value]) => [name.toLowerCase(), value] as const)
  const allowed = new Set(given.allowedHosts.map((host) => host.toLowerCase()))
  const hostHeaders = given.hostsProxyHeaders.map((name) => name.toLowerCase())
  const isSecure = ({ secure, headers: sent }: Flight) => secure || sslHeaders.some(([key, value]) => sent.get(key) === value)
  return (next) => (flight, answer) => {
    if (allowed.size > 0 && !given.isDevelopment) {
      const host = hostHeaders.map((key) => flight.headers.get(key)).find((value) => value) ?? flight.host
      if (!allowed.has(host.toLowerCase()) && !allowed.has(canonicalHost(host))) {
        httpError(answer, 500, 'Bad Host')
        return
      }
    }
    const withSts = sts && (given.forceSTSHeader || isSecure(flight))
    return next(
      flight,
      new HeadAnswer(answer, (table) => {
        if (withSts) table.set('Strict-Transport-Security', stsValue)
        for (const [name, value] of lines) table.set(name, value)
      }),
    )
  }
}

/** A header is one line: a value that is more was a mistake of the file. */
function oneLine(name: string, value: string): string {
  const trimmed = value.trim()
  if (/[\r\n\0]/.test(trimmed)) throw new MiddlewareError(`the value of ${name} has more than one line`)
  return trimmed
}
