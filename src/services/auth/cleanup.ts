// Rows that have had their day: after a request that wrote, one of these statements runs, each in turn and a hundred rows at most.
import type { Logger } from '../../log/log.ts'
import type { AuthEnv } from './env.ts'
import type { Db } from './tables/database.ts'

const seconds = (ms: number | undefined): number => Math.round((ms ?? 0) / 1_000)
const rows = (table: string, where: string) =>
  `delete from auth.${table} where id in (select id from auth.${table} where ${where} limit 100 for update skip locked)`

export class Cleanup {
  readonly #statements: readonly string[]
  readonly #log: Logger
  #next = 0
  #running = false

  constructor(env: AuthEnv, log: Logger) {
    const timebox = seconds(env.GOTRUE_SESSIONS_TIMEBOX)
    const idle = seconds(env.GOTRUE_SESSIONS_INACTIVITY_TIMEOUT)
    this.#log = log
    this.#statements = [
      rows('refresh_tokens', `updated_at < now() - interval '24 hours' and revoked is true`),
      rows('sessions', `not_after < now() - interval '72 hours'`),
      ...(timebox ? [rows('sessions', `created_at < now() - interval '${timebox + 86_400} seconds'`)] : []),
      ...(idle ? [rows('sessions', `refreshed_at < (now() at time zone 'utc') - interval '${idle + 86_400} seconds'`)] : []),
      rows('flow_state', `created_at < now() - interval '24 hours'`),
      rows('saml_relay_states', `created_at < now() - interval '24 hours'`),
      rows('mfa_challenges', `created_at < now() - interval '24 hours'`),
      rows('webauthn_challenges', `expires_at < now() - interval '24 hours'`),
      rows('oauth_authorizations', `expires_at < now() - interval '24 hours'`),
      rows('mfa_factors', `created_at < now() - interval '24 hours' and status = 'unverified'`),
      rows('users', `created_at < now() - interval '30 days' and is_anonymous is true`),
    ]
  }

  /** Never fails and is never waited for; one statement at a time. */
  step(db: Db): void {
    if (this.#running) return
    this.#running = true
    const statement = this.#statements[this.#next++ % this.#statements.length]!
    db.query(statement)
      .catch((error: unknown) => this.#log.warn({ err: error }, 'old rows could not be cleaned up'))
      .finally(() => {
        this.#running = false
      })
  }
}
