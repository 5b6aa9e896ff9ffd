// What a join asks for. A part of a wrong shape takes its defaults and is named in `invalid`; a config that is no object at all is refused.
import { JoinRefused } from './join-refused.ts'

export interface JoinConfig {
  /** Without the key `config`: the sub topic itself is the subscription. */
  readonly legacy: boolean
  readonly private: boolean
  readonly ack: boolean
  readonly self: boolean
  readonly replicationReady: boolean
  /** As it was sent; undefined where nobody asks for replay. */
  readonly replay: unknown
  /** Undefined: one is made up. */
  readonly presenceKey: string | undefined
  readonly presenceEnabled: boolean
  /** The entries of postgres_changes, without nulls. */
  readonly changes: readonly unknown[]
  /** Undefined: the token of the handshake. */
  readonly token: string | undefined
  readonly invalid: readonly string[]
}

type Part = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Part => typeof value === 'object' && value !== null && !Array.isArray(value)
const own = (part: Part, name: string): unknown => (Object.hasOwn(part, name) ? part[name] : undefined)

/** Throws JoinRefused. */
export function readConfig(payload: unknown): JoinConfig {
  const params = isObject(payload) ? payload : {}
  const invalid: string[] = []
  const config = required(own(params, 'config'))
  const broadcast = required(own(config, 'broadcast'))
  const presence = optional('presence', own(config, 'presence'))
  const flag = (name: string, value: unknown): boolean => {
    if (value === undefined || value === null || typeof value === 'boolean') return value === true
    if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true'
    invalid.push(name)
    return false
  }
  const key = own(presence, 'key')
  if (key !== undefined && key !== null && typeof key !== 'string') invalid.push('presence.key')
  const changes = own(config, 'postgres_changes')
  if (changes !== undefined && changes !== null && !Array.isArray(changes)) invalid.push('postgres_changes')
  return {
    legacy: !Object.hasOwn(params, 'config'),
    private: flag('private', own(config, 'private')),
    ack: flag('broadcast.ack', own(broadcast, 'ack')),
    self: flag('broadcast.self', own(broadcast, 'self')),
    replicationReady: flag('broadcast.replication_ready', own(broadcast, 'replication_ready')),
    replay: own(broadcast, 'replay') ?? undefined,
    presenceKey: typeof key === 'string' && key !== '' ? key : undefined,
    presenceEnabled: flag('presence.enabled', own(presence, 'enabled')),
    changes: Array.isArray(changes) ? changes.filter((entry) => entry !== null) : [],
    token: tokenOf(params),
    invalid,
  }

  function optional(name: string, value: unknown): Part {
    if (isObject(value)) return value
    if (value !== undefined && value !== null) invalid.push(name)
    return {}
  }
}

function required(value: unknown): Part {
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw new JoinRefused('UnknownErrorOnChannel', `expected a map, got: ${JSON.stringify(value).slice(0, 100)}`)
  return value
}

/** `user_token` is the older name and wins; keys of the gateway are no tokens. */
function tokenOf(params: Part): string | undefined {
  const access = own(params, 'access_token')
  const user = own(params, 'user_token')
  const first = access ?? user
  if (typeof first === 'string' && first.startsWith('sb_')) return undefined
  if (typeof user === 'string') return user
  return typeof access === 'string' ? access : undefined
}
