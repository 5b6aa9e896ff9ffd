// From the request line and headers to what is asked for. Bodies are read later, and only where one is wanted.
import type { IncomingMessage } from 'node:http'
import { RestError } from '../errors.ts'
import { acceptedTypes, type MediaType } from './media-type.ts'
import { type Preferences, parsePrefer } from './prefer.ts'
import { canonicalQuery, decodeComponent, parseQuery, type Query, splitQuery } from './query.ts'
import { parseRangeHeader, type Window, windowOf } from './range.ts'

/** The parts of a message that are read before its body. */
export type RequestHead = Pick<IncomingMessage, 'method' | 'url' | 'headers'>

export type Target =
  | { readonly kind: 'root' }
  | { readonly kind: 'table'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }

export type Action = 'read' | 'insert' | 'update' | 'put' | 'delete' | 'call' | 'inspect'

export interface Request {
  readonly method: string
  /** As it came, without the query. */
  readonly path: string
  readonly target: Target
  readonly action: Action
  readonly isHead: boolean
  readonly schema: string
  /** A profile header was sent or there is a choice of schemas: the answer names the one that was used. */
  readonly namesSchema: boolean
  readonly query: Query
  readonly window: Window
  readonly preferences: Preferences
  readonly accepted: readonly MediaType[]
  readonly contentType: string | undefined
}

const TABLE_ACTIONS: Readonly<Record<string, Action>> = {
  GET: 'read',
  HEAD: 'read',
  POST: 'insert',
  PATCH: 'update',
  PUT: 'put',
  DELETE: 'delete',
  OPTIONS: 'inspect',
}
const CALL_ACTIONS: Readonly<Record<string, Action>> = { GET: 'call', HEAD: 'call', POST: 'call', OPTIONS: 'inspect' }
const ROOT_ACTIONS: Readonly<Record<string, Action>> = { GET: 'read', HEAD: 'read', OPTIONS: 'inspect' }

/** Header values come as Latin-1; what clients mean is UTF-8. */
export function headerText(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.join(', ') : value
  return text !== undefined && /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text
}

/** Throws RestError. The checks are in upstream's order: path, profile, method, query, preferences, ranges. */
export function parseRequest(req: RequestHead, schemas: readonly string[], rootFunction: string | undefined): Request {
  const method = req.method ?? 'GET'
  const url = headerText(req.url) ?? '/'
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const { headers } = req
  const target = targetOf(path)
  const profile = headerText(
    method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? headers['accept-profile'] : headers['content-profile'],
  )
  if (profile !== undefined && !schemas.includes(profile)) {
    throw new RestError('PGRST106', { words: profile, hint: `Only the following schemas are exposed: ${schemas.join(', ')}` })
  }
  const action = actionOf(method, target)
  const { pairs, bare } = splitQuery(mark < 0 ? '' : url.slice(mark + 1))
  const isRead = method === 'GET' || method === 'HEAD'
  const call = target.kind === 'function' && (isRead || method === 'OPTIONS')
  const parsed = parseQuery(pairs, call)
  const preferences = parsePrefer(headerText(headers['prefer']))
  const range = method === 'GET' ? parseRangeHeader(headers['range']) : undefined
  const limits = parsed.limits.find((entry) => entry.path.length === 0)?.limits
  const spec =
    target.kind === 'root' && action === 'read' && rootFunction !== undefined ? ({ kind: 'function', name: rootFunction } as const) : target
  return {
    method,
    path,
    target: spec,
    action: spec === target ? action : 'call',
    isHead: method === 'HEAD',
    schema: profile ?? schemas[0]!,
    namesSchema: profile !== undefined || schemas.length > 1,
    query: { ...parsed, canonical: canonicalQuery(pairs, bare) },
    window: action === 'read' || action === 'call' ? windowOf(limits, range) : windowOf(undefined, undefined),
    preferences,
    accepted: acceptedTypes(headerText(headers['accept'])),
    contentType: headerText(headers['content-type']),
  }
}

function targetOf(path: string): Target {
  if (path === '/' || path === '') return { kind: 'root' }
  const parts = path.slice(1).split('/')
  if (parts.length === 1 && parts[0] !== '') return { kind: 'table', name: decodeComponent(parts[0]!.replaceAll('+', '%2B')) }
  if (parts.length === 2 && parts[0] === 'rpc') return { kind: 'function', name: decodeComponent(parts[1]!.replaceAll('+', '%2B')) }
  throw new RestError('PGRST125')
}

function actionOf(method: string, target: Target): Action {
  const actions = target.kind === 'table' ? TABLE_ACTIONS : target.kind === 'function' ? CALL_ACTIONS : ROOT_ACTIONS
  const action = Object.hasOwn(actions, method) ? actions[method] : undefined
  if (action !== undefined) return action
  if (target.kind === 'function') throw new RestError('PGRST101', { words: method })
  throw new RestError('PGRST117', { words: method })
}
