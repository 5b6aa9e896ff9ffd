// Variables of the mail catcher, by the names of upstream's image (Mailpit). What is left out there (relay, POP3, chaos, SpamAssassin) is not here.
import { z } from 'zod'
import { bool, count, list, text } from '../../env/types.ts'

export interface BindAddress {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:1025`, `[::]:1025`, `:1025`; port 0 is a free one. */
export const bindAddress = z.string().transform((value, ctx): BindAddress => {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value.trim())
  const port = Number(match?.[3])
  if (!match || port > 65_535) {
    ctx.addIssue({ code: 'custom', message: 'an address and a port such as 127.0.0.1:1025 or [::]:1025' })
    return z.NEVER
  }
  return { host: match[1] ?? (match[2] || '::'), port }
})

/** Milliseconds of an age in hours or days: `12h`, `3d`. */
export const age = z.string().transform((value, ctx): number => {
  const match = /^(\d{1,6})([hd])$/i.exec(value.trim())
  if (!match) {
    ctx.addIssue({ code: 'custom', message: 'an age in hours or days such as 12h or 3d' })
    return z.NEVER
  }
  return Number(match[1]) * (match[2]?.toLowerCase() === 'd' ? 24 : 1) * 3_600_000
})

const regex = z.string().transform((value, ctx): RegExp => {
  try {
    return new RegExp(value)
  } catch {
    ctx.addIssue({ code: 'custom', message: 'a regular expression' })
    return z.NEVER
  }
})

/** `/mail/`: begins and ends with a slash. */
const webroot = z.string().transform((value) => `/${value.replace(/^\/+|\/+$/g, '')}/`.replace('//', '/'))

export const mailEnv = z.object({
  /** Where SMTP listens. The stack gives it a loopback address. */
  MP_SMTP_BIND_ADDR: bindAddress.default({ host: '::', port: 1025 }),
  /** Where the page and the API listen when the service is served alone. */
  MP_UI_BIND_ADDR: bindAddress.default({ host: '::', port: 8025 }),
  /** File that keeps the messages over a restart; without it they live in memory. */
  MP_DATABASE: text.optional(),
  /** The oldest messages go when there are more; 0 is no limit. */
  MP_MAX_MESSAGES: count.default(500),
  /** Messages older than this go. */
  MP_MAX_AGE: age.optional(),
  /** Largest message in MiB; 0 leaves only the bound on everything stored. */
  MP_MAX_MESSAGE_SIZE: count.default(50),
  /** Lists are in the order of the messages' own dates, not of their arrival. */
  MP_USE_MESSAGE_DATES: bool.default(false),
  /** A message whose Message-ID is known is accepted and dropped. */
  MP_IGNORE_DUPLICATE_IDS: bool.default(false),
  /** A word beside the page's title, to tell several catchers apart. */
  MP_LABEL: text.default(''),
  /** Path under which the page and the API lie. */
  MP_WEBROOT: webroot.default('/'),
  /** Value of Access-Control-Allow-Origin for the API. */
  MP_API_CORS: text.optional(),
  /** Host names under which the page and the API answer, `*` for any. When unset, what comes in over loopback must name an address or a local name. */
  MP_ALLOWED_HOSTS: list.optional(),
  /** `user:password` pairs, separated by blanks; a password may be a bcrypt hash. */
  MP_UI_AUTH: text.optional(),
  /** PEM file of a certificate: the page and the API speak TLS. */
  MP_UI_TLS_CERT: text.optional(),
  /** The key of MP_UI_TLS_CERT. */
  MP_UI_TLS_KEY: text.optional(),
  /** As MP_UI_AUTH, for SMTP. Without it any login, and none, is accepted. */
  MP_SMTP_AUTH: text.optional(),
  /** PEM file of a certificate: SMTP offers STARTTLS. */
  MP_SMTP_TLS_CERT: text.optional(),
  /** The key of MP_SMTP_TLS_CERT. */
  MP_SMTP_TLS_KEY: text.optional(),
  /** Nothing is accepted before STARTTLS. */
  MP_SMTP_REQUIRE_STARTTLS: bool.default(false),
  /** Of one message; 0 is no limit. */
  MP_SMTP_MAX_RECIPIENTS: count.default(100),
  /** Recipients that do not match are refused. */
  MP_SMTP_ALLOWED_RECIPIENTS: regex.optional(),
  /** `plus-addresses`, `x-tags`: sources of tags that are not used. */
  MP_TAGS_DISABLE: list.default([]),
})
export type MailEnv = z.output<typeof mailEnv>
