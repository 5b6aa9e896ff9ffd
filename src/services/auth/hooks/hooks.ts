// Hooks: the operator's own code at seven places, as a function of the database or behind a URL. This file knows which, calls them, and
// turns an error that they answer into an error of ours.
import { randomUUID } from 'node:crypto'
import { type AuthEnv, HOOKS, type HookName } from '../env.ts'
import { AuthError } from '../errors.ts'
import type { JsonMap } from '../request/body.ts'
import type { Call } from '../request/call.ts'
import type { Database, Tx } from '../tables/database.ts'
import { type HttpHook, parseHttpHook, runHttpHook } from './http.ts'
import { type PgFunction, parsePgFunction, runPgFunction } from './pg-functions.ts'

type Target = { readonly pg: PgFunction } | { readonly http: HttpHook }

const NAMES: Readonly<Record<HookName, string>> = {
  CUSTOM_ACCESS_TOKEN: 'customize-access-token',
  SEND_EMAIL: 'send-email',
  SEND_SMS: 'send-sms',
  MFA_VERIFICATION_ATTEMPT: 'mfa-verification',
  PASSWORD_VERIFICATION_ATTEMPT: 'password-verification',
  BEFORE_USER_CREATED: 'before-user-created',
  AFTER_USER_CREATED: 'after-user-created',
}

export class Hooks {
  readonly #pool: Database
  readonly #targets: ReadonlyMap<HookName, Target>

  /** Throws when an enabled hook has no usable URI: such a service does not start. */
  constructor(env: AuthEnv, pool: Database) {
    this.#pool = pool
    this.#targets = new Map(
      HOOKS.filter((name) => env[`GOTRUE_HOOK_${name}_ENABLED`]).map((name) => [
        name,
        targetOf(name, env[`GOTRUE_HOOK_${name}_URI`], env[`GOTRUE_HOOK_${name}_SECRETS`]),
      ]),
    )
  }

  enabled(name: HookName): boolean {
    return this.#targets.has(name)
  }

  /** A function of the database, which runs in the caller's transaction; what is behind a URL need not hold a connection. */
  isFunction(name: HookName): boolean {
    const target = this.#targets.get(name)
    return target !== undefined && 'pg' in target
  }

  /** The answer of an enabled hook. In `tx` a function of the database shares its fate. */
  async run(name: HookName, call: Call, payload: JsonMap, tx?: Tx): Promise<JsonMap> {
    const target = this.#targets.get(name)
    if (!target) return {}
    const metadata = { uuid: randomUUID(), time: new Date().toISOString(), name: NAMES[name], ip_address: call.address }
    const body = JSON.stringify({ metadata, ...payload })
    const output = 'pg' in target ? await runPgFunction(target.pg, body, tx ?? this.#pool) : await runHttpHook(target.http, body)
    throwAnswered(output)
    return output
  }
}

function targetOf(name: HookName, uri: string, secrets: string): Target {
  const pgFunction = parsePgFunction(uri)
  if (pgFunction) return { pg: pgFunction }
  const http = parseHttpHook(uri, secrets)
  if (typeof http !== 'string') return { http }
  throw new Error(`Cannot use GOTRUE_HOOK_${name}_URI: ${http}`)
}

/** `{"error": {"http_code": 403, "message": "..."}}`; an empty message is no error. */
function throwAnswered(output: JsonMap): void {
  const error = output['error']
  if (typeof error !== 'object' || error === null) return
  const { http_code: status, message } = error as { http_code?: unknown; message?: unknown }
  if (typeof message !== 'string' || message === '') return
  const valid = typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599
  throw new AuthError(valid ? status : 500, undefined, message)
}
