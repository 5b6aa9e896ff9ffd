// Mails: a template filled in, handed to the SMTP server. Without a server they go nowhere, and requests succeed all the same.
import { createTransport, type Transporter } from 'nodemailer'
import type { Logger } from '../../../log/log.ts'
import { type AuthEnv, TEMPLATES, type TemplateName } from '../env.ts'
import { AddressCheck } from './address-check.ts'
import { DEFAULT_MAILS } from './defaults.ts'
import { parseTemplate, type Template } from './go-template.ts'
import { HtmlOutput, TextOutput } from './html-output.ts'
import { TemplateSource } from './template-source.ts'

export interface MailValues {
  readonly SiteURL?: string
  readonly ConfirmationURL?: string
  readonly Email?: string
  readonly NewEmail?: string
  readonly SendingTo?: string
  readonly Token?: string
  readonly TokenHash?: string
  readonly RedirectTo?: string
  readonly Data?: unknown
  readonly OldEmail?: string
  readonly Phone?: string
  readonly OldPhone?: string
  readonly Provider?: string
  readonly FactorType?: string
}

interface Body {
  load(): Promise<Template>
  renew?(): Promise<unknown>
}

const RENEW_MIN_MS = 1_000
// A request waits for its mail at most this long: connect, greeting, and silence in between.
const SMTP_TIMEOUT_MS = 8_000
const MAX_CONNECTIONS = 5

export class Mailer {
  readonly #env: AuthEnv
  readonly #log: Logger
  readonly #transport: Transporter | undefined
  readonly #subjects: ReadonlyMap<TemplateName, Template>
  readonly #bodies: ReadonlyMap<TemplateName, Body>
  readonly #addresses: AddressCheck
  readonly #timer: NodeJS.Timeout | undefined
  #usedAt = Date.now()

  constructor(env: AuthEnv, log: Logger) {
    this.#env = env
    this.#log = log
    this.#transport = env.GOTRUE_SMTP_HOST ? openTransport(env) : undefined
    this.#subjects = new Map(TEMPLATES.map((name) => [name, this.#subject(name)]))
    this.#bodies = new Map(TEMPLATES.map((name) => [name, this.#body(name)]))
    this.#addresses = new AddressCheck(env)
    if (env.GOTRUE_MAILER_TEMPLATE_RELOADING_ENABLED) {
      this.#renew()
      this.#timer = setInterval(() => this.#renew(), Math.max(RENEW_MIN_MS, env.GOTRUE_MAILER_TEMPLATE_RETRY_INTERVAL)).unref()
    }
  }

  /** Rejects with `email_address_invalid`, or what the SMTP server or the connection said. */
  async send(template: TemplateName, to: string, values: MailValues): Promise<void> {
    this.#usedAt = Date.now()
    await this.#addresses.check(to)
    const data = { SiteURL: this.#env.GOTRUE_SITE_URL, ...values }
    const subject = new TextOutput()
    this.#subjects.get(template)!.execute(data, subject)
    const html = await this.#render(template, data)
    if (!this.#transport) {
      this.#log.warn({ template }, 'no mail is sent: GOTRUE_SMTP_HOST is not set')
      return
    }
    await this.#transport.sendMail({
      from: { name: this.#env.GOTRUE_SMTP_SENDER_NAME, address: this.#env.GOTRUE_SMTP_ADMIN_EMAIL },
      to: { name: '', address: to },
      subject: subject.text.replaceAll(/[\r\n]+/g, ' '),
      html,
      headers: this.#headers(template),
      // Templates are the operator's: they may not make this program read files or fetch URLs.
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#transport?.close()
  }

  /** Texts that grow old are read again before a mail has to wait for it, while mails are sent at all. */
  #renew(): void {
    if (Date.now() - this.#usedAt > this.#env.GOTRUE_MAILER_TEMPLATE_RELOADING_MAX_IDLE) return
    for (const body of this.#bodies.values()) void body.renew?.()
  }

  async #render(template: TemplateName, data: MailValues): Promise<string> {
    try {
      const output = new HtmlOutput()
      const body = await this.#bodies.get(template)!.load()
      body.execute(data, output)
      return output.html
    } catch (error) {
      this.#log.error({ err: error, template }, 'the mail template failed; the default one is sent')
      const output = new HtmlOutput()
      parseTemplate(DEFAULT_MAILS[template].body).execute(data, output)
      return output.html
    }
  }

  #subject(name: TemplateName): Template {
    const fallback = DEFAULT_MAILS[name].subject
    try {
      return parseTemplate(this.#env[`GOTRUE_MAILER_SUBJECTS_${name}`] ?? fallback)
    } catch (error) {
      this.#log.error({ err: error, variable: `GOTRUE_MAILER_SUBJECTS_${name}` }, 'the subject cannot be used; the default one is sent')
      return parseTemplate(fallback)
    }
  }

  #body(name: TemplateName): Body {
    const { body } = DEFAULT_MAILS[name]
    const value = this.#env[`GOTRUE_MAILER_TEMPLATES_${name}`]
    if (value === undefined) {
      const template = Promise.resolve(parseTemplate(body))
      return { load: () => template }
    }
    return new TemplateSource(`GOTRUE_MAILER_TEMPLATES_${name}`, value, body, {
      siteUrl: this.#env.GOTRUE_SITE_URL,
      maxAgeMs: this.#env.GOTRUE_MAILER_TEMPLATE_MAX_AGE,
      retryMs: this.#env.GOTRUE_MAILER_TEMPLATE_RETRY_INTERVAL,
      maxBytes: this.#env.GOTRUE_MAILER_TEMPLATE_MAX_SIZE,
      log: this.#log,
    })
  }

  #headers(template: TemplateName): { key: string; value: string }[] {
    const type = template === 'REAUTHENTICATION' ? 'reauthenticate' : template.toLowerCase()
    return Object.entries(this.#env.GOTRUE_SMTP_HEADERS).flatMap(([key, values]) =>
      values.filter((value) => value !== '').map((value) => ({ key, value: value.replaceAll('$messageType', type) })),
    )
  }
}

function openTransport(env: AuthEnv): Transporter {
  return createTransport({
    host: env.GOTRUE_SMTP_HOST,
    port: env.GOTRUE_SMTP_PORT,
    secure: env.GOTRUE_SMTP_PORT === 465,
    ...(env.GOTRUE_SMTP_USER ? { auth: { user: env.GOTRUE_SMTP_USER, pass: env.GOTRUE_SMTP_PASS } } : {}),
    pool: true,
    maxConnections: MAX_CONNECTIONS,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
  })
}
