// The service under one configuration. A reload makes the next one beside it; what is on its way in this one is finished first.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../../log/log.ts'
import { buildApp } from './app.ts'
import { Cleanup } from './cleanup.ts'
import type { AuthEnv } from './env.ts'
import { errors } from './errors.ts'
import { Hooks } from './hooks/hooks.ts'
import type { Counters } from './limits/counters.ts'
import { Limits } from './limits/limits.ts'
import { Mailer } from './mail/mailer.ts'
import type { Metrics } from './metrics.ts'
import { ValueCipher } from './passwords/encryption.ts'
import { PasswordHasher } from './passwords/hash.ts'
import { IssuerCache } from './providers/oidc/issuers.ts'
import { Outgoing } from './providers/outgoing.ts'
import { redirectRules } from './request/redirect-target.ts'
import { routes } from './routes/index.ts'
import { serviceProviderOf } from './saml/service-provider.ts'
import { SmsSender } from './sms/sender.ts'
import type { AuthState } from './state.ts'
import type { Database } from './tables/database.ts'
import { tokenKeys } from './tokens/keys.ts'
import type { Turns } from './tokens/turns.ts'
import { WorkQueue } from './work-queue.ts'

/** Sign-ins that wait for their turn at the hook of access tokens, and for how long: as long as for a connection. */
const MAX_HOOKED = 1_000
const HOOKED_WAIT_MS = 10_000

/** What outlives a reload. */
export interface Lasting {
  readonly log: Logger
  readonly pool: Database
  readonly counters: Counters
  readonly refreshing: Turns
  readonly metrics: Metrics
}

export interface Generation {
  handle(req: IncomingMessage, res: ServerResponse): void
  /** Ends it when its last request has been answered, or the time is up. */
  retire(waitMs: number): Promise<void>
}

/** Throws for a configuration that cannot be used. */
export async function openGeneration(env: AuthEnv, { log, pool, counters, refreshing, metrics }: Lasting): Promise<Generation> {
  const mailer = new Mailer(env, log)
  const outgoing = new Outgoing({ timeoutMs: env.GOTRUE_INTERNAL_HTTP_TIMEOUT, allowPrivate: env.PLINTH_AUTH_ALLOW_PRIVATE_URLS })
  try {
    const state: AuthState = {
      env,
      log,
      pool,
      keys: tokenKeys(env),
      redirects: redirectRules(env.GOTRUE_SITE_URL, env.GOTRUE_URI_ALLOW_LIST),
      limits: new Limits(env, counters),
      hooks: new Hooks(env, pool),
      mailer,
      sms: new SmsSender(env, env.GOTRUE_HOOK_SEND_SMS_ENABLED),
      metrics,
      passwords: new PasswordHasher(env.PLINTH_AUTH_HASH_QUEUE, metrics),
      cipher: new ValueCipher(env),
      saml: serviceProviderOf(env),
      outgoing,
      issuers: new IssuerCache(outgoing, env.GOTRUE_EXTERNAL_OIDC_PROVIDER_CACHE_TTL),
      hookedTokens: new WorkQueue({
        running: Math.max(1, Math.floor(pool.size / 2)),
        waitingMax: MAX_HOOKED,
        waitMs: HOOKED_WAIT_MS,
        refuse: () => errors.timeout(),
      }),
      refreshing,
      cleanup: env.GOTRUE_DB_CLEANUP_ENABLED ? new Cleanup(env, log) : undefined,
    }
    const app = await buildApp(state, routes)
    const handle = app.routing
    let open = 0
    let idle: (() => void) | undefined
    return {
      handle(req, res) {
        open++
        res.once('close', () => {
          open--
          if (open === 0) idle?.()
        })
        handle(req, res)
      },
      async retire(waitMs) {
        if (open > 0)
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, waitMs)
            idle = () => {
              clearTimeout(timer)
              resolve()
            }
          })
        await app.close()
        mailer.stop()
        await outgoing.close()
      },
    }
  } catch (error) {
    mailer.stop()
    await outgoing.close()
    throw error
  }
}
