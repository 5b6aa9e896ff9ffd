// The mail catcher: SMTP in, Mailpit's HTTP API and a page out. Nothing is ever sent on.
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { defineService, type RunningService, type TlsMaterial } from '../../service/definition.ts'
import type { MailState } from './api/exchange.ts'
import { announceChanges } from './api/info.ts'
import { mailHandler } from './api/routes.ts'
import { loginsOf } from './credentials.ts'
import { mailEnv } from './env.ts'
import { Mailbox } from './mailbox.ts'
import { Receiver } from './receive.ts'
import { startSmtp } from './smtp.ts'

/** Number of the HTTP port inside upstream's image. */
const HTTP_PORT = 8025
// Everything stored lies in memory; with ordinary mails of some KiB the bound on their number comes long before this one.
const MAX_STORED_BYTES = 128 * 1024 * 1024
const PRUNE_MS = 60_000

export interface MailService extends RunningService {
  /** Where SMTP listens: the real port when MP_SMTP_BIND_ADDR asked for port 0. */
  readonly smtp: { readonly host: string; readonly port: number }
}

export const mail = defineService({
  name: 'mail',
  env: mailEnv,
  needs: {},
  listen: (env) => [{ endpoint: HTTP_PORT, ...env.MP_UI_BIND_ADDR }],
  async start(env, ctx): Promise<MailService> {
    const uiLogin = loginsOf('MP_UI_AUTH', env.MP_UI_AUTH)
    const smtpLogin = loginsOf('MP_SMTP_AUTH', env.MP_SMTP_AUTH)
    const uiTls = await tlsOf('MP_UI_TLS', env.MP_UI_TLS_CERT, env.MP_UI_TLS_KEY)
    const smtpTls = await tlsOf('MP_SMTP_TLS', env.MP_SMTP_TLS_CERT, env.MP_SMTP_TLS_KEY)
    if (env.MP_SMTP_REQUIRE_STARTTLS && !smtpTls) throw new Error('MP_SMTP_REQUIRE_STARTTLS needs MP_SMTP_TLS_CERT and MP_SMTP_TLS_KEY')
    const maxBytes = env.MP_MAX_MESSAGE_SIZE === 0 ? MAX_STORED_BYTES : Math.min(env.MP_MAX_MESSAGE_SIZE * 1024 * 1024, MAX_STORED_BYTES)

    const mailbox = await Mailbox.open({ file: env.MP_DATABASE, maxMessages: env.MP_MAX_MESSAGES, maxBytes: MAX_STORED_BYTES })
    const receiver = new Receiver(mailbox, {
      useMessageDates: env.MP_USE_MESSAGE_DATES,
      ignoreDuplicateIds: env.MP_IGNORE_DUPLICATE_IDS,
      disabledTags: env.MP_TAGS_DISABLE,
    })
    const smtp = await startSmtp({
      bind: env.MP_SMTP_BIND_ADDR,
      maxBytes,
      maxRecipients: env.MP_SMTP_MAX_RECIPIENTS,
      allowedRecipients: env.MP_SMTP_ALLOWED_RECIPIENTS,
      checkLogin: smtpLogin,
      tls: smtpTls && { ...smtpTls, required: env.MP_SMTP_REQUIRE_STARTTLS },
      receiver,
      log: ctx.log,
    }).catch(async (error: unknown) => {
      await mailbox.close()
      throw error
    })
    ctx.log.info({ host: smtp.host, port: smtp.port, kept: mailbox.total }, 'SMTP is listening')

    const state: MailState = {
      env,
      mailbox,
      receiver,
      log: ctx.log,
      startedAt: Date.now(),
      maxBytes,
      smtp: { host: smtp.host, port: smtp.port },
      watchers: new Set(),
    }
    const endAnnouncing = announceChanges(state)
    const maxAge = env.MP_MAX_AGE
    const prune = (): void => {
      if (maxAge === undefined) return
      mailbox.dropOlderThan(Date.now() - maxAge).catch((error: unknown) => ctx.log.error({ err: error }, 'old mails could not be removed'))
    }
    prune()
    const pruning = maxAge === undefined ? undefined : setInterval(prune, PRUNE_MS)
    return {
      smtp: state.smtp,
      endpoints: [{ port: HTTP_PORT, handle: mailHandler(state, uiLogin), ...(uiTls ? { tls: uiTls } : {}) }],
      health: () => reachable(smtp.host, smtp.port),
      async stop() {
        clearInterval(pruning)
        endAnnouncing()
        await smtp.close()
        await mailbox.close()
      },
    }
  },
})

async function tlsOf(prefix: string, cert: string | undefined, key: string | undefined): Promise<TlsMaterial | undefined> {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) throw new Error(`${prefix}_CERT and ${prefix}_KEY go together`)
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
}

const HEALTH_MS = 2_000

/** Resolves when SMTP greets. */
function reachable(host: string, port: number): Promise<void> {
  const target = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return new Promise((resolve, reject) => {
    const socket = connect(port, target)
    socket.setTimeout(HEALTH_MS, () => socket.destroy(new Error(`SMTP on ${target}:${port} does not answer`)))
    socket.once('error', reject)
    socket.once('data', (data) => {
      socket.end('QUIT\r\n')
      if (data.toString('latin1').startsWith('220')) resolve()
      else reject(new Error(`SMTP on ${target}:${port} is not ready: ${data.toString('latin1').trim()}`))
    })
  })
}
