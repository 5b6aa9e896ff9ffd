// Sending by HTTP: a message built from JSON, stored like one that came by SMTP.
import { createTransport } from 'nodemailer'
import { z } from 'zod'
import { type Exchange, MailError, readJson, sendJson } from './exchange.ts'

const email = z.string().regex(/^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+$/)
const person = z.object({ Name: z.string().default(''), Email: z.string() })
const message = z.object({
  From: person,
  To: z.array(person).default([]),
  Cc: z.array(person).default([]),
  Bcc: z.array(z.string()).default([]),
  ReplyTo: z.array(person).default([]),
  Subject: z.string().default(''),
  Text: z.string().default(''),
  HTML: z.string().default(''),
  Tags: z.array(z.string()).default([]),
  Headers: z.record(z.string(), z.string()).default({}),
  Attachments: z
    .array(
      z.object({
        Content: z.string(),
        Filename: z.string().default(''),
        ContentType: z.string().default(''),
        ContentID: z.string().default(''),
      }),
    )
    .default([]),
})
type Message = z.output<typeof message>

const RESTRICTED = new Set(['to', 'from', 'cc', 'bcc', 'reply-to', 'date', 'subject', 'content-type', 'mime-version', 'x-tags'])

export async function sendMessage({ req, res, state }: Exchange): Promise<void> {
  // Attachments come as base64, which is a third longer.
  const body = await readJson(req, Math.ceil(state.maxBytes * 1.4) + 65_536)
  const parsed = message.safeParse(canonicalKeys(body))
  if (!parsed.success) {
    const { path, message: reason } = parsed.error.issues[0]!
    throw new MailError(400, body === undefined ? 'invalid JSON body' : `${path.join('.') || 'body'}: ${reason}`, true)
  }
  const mail = parsed.data
  check(mail)
  const raw = await compose(mail)
  if (raw.length > state.maxBytes) throw new MailError(413, 'the message is larger than MP_MAX_MESSAGE_SIZE allows', true)
  const id = await state.receiver.receive(raw, {
    from: mail.From.Email,
    to: [...mail.To.map(({ Email }) => Email), ...mail.Cc.map(({ Email }) => Email), ...mail.Bcc],
    username: userOf(req.headers.authorization),
  })
  sendJson(res, { ID: id })
}

function check(mail: Message): void {
  const invalid = (what: string, address: string): never => {
    throw new MailError(400, `invalid ${what} address: ${address}`, true)
  }
  if (!email.safeParse(mail.From.Email).success) invalid('From', mail.From.Email)
  for (const { Email } of mail.To) if (!email.safeParse(Email).success) invalid('To', Email)
  for (const { Email } of mail.Cc) if (!email.safeParse(Email).success) invalid('Cc', Email)
  for (const address of mail.Bcc) if (!email.safeParse(address).success) invalid('Bcc', address)
  for (const { Email } of mail.ReplyTo) if (!email.safeParse(Email).success) invalid('Reply-To', Email)
  for (const name of Object.keys(mail.Headers))
    if (RESTRICTED.has(name.toLowerCase())) throw new MailError(400, `cannot overwrite header: "${name}"`, true)
  for (const { Content, Filename } of mail.Attachments)
    if (!/^[A-Za-z0-9+/\r\n]*={0,2}$/.test(base64(Content)))
      throw new MailError(400, `error decoding base64 attachment "${Filename}"`, true)
}

async function compose(mail: Message): Promise<Buffer> {
  const person = ({ Name, Email }: Message['From']) => ({ name: Name, address: Email })
  // Builds the bytes and sends nothing. Nothing is read from files or fetched for a message that came by HTTP.
  const builder = createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const { message } = await builder.sendMail({
    from: person(mail.From),
    to: mail.To.map(person),
    cc: mail.Cc.map(person),
    bcc: mail.Bcc,
    replyTo: mail.ReplyTo.map(person),
    subject: mail.Subject,
    text: mail.Text,
    ...(mail.HTML === '' ? {} : { html: mail.HTML }),
    headers: { ...mail.Headers, ...(mail.Tags.length === 0 ? {} : { 'X-Tags': mail.Tags.join(', ') }) },
    attachments: mail.Attachments.map(({ Content, Filename, ContentType, ContentID }) => ({
      content: Buffer.from(base64(Content), 'base64'),
      filename: Filename,
      ...(ContentType === '' ? {} : { contentType: ContentType }),
      ...(ContentID === '' ? {} : { cid: ContentID, contentDisposition: 'inline' as const }),
    })),
  })
  return message as Buffer
}

/** Browsers give files as `data:image/png;base64,...`. */
function base64(content: string): string {
  return content.slice(content.lastIndexOf(',') + 1)
}

function userOf(authorization: string | undefined): string {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1]
  return encoded === undefined ? '' : (Buffer.from(encoded, 'base64').toString('utf8').split(':')[0] ?? '')
}

/** Field names in any letter case, as Go's decoder reads them. Header names stay as written. */
function canonicalKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonicalKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = NAMES.get(key.toLowerCase()) ?? key
      return [name, name === 'Headers' ? inner : canonicalKeys(inner)] as const
    }),
  )
}
const NAMES: ReadonlyMap<string, string> = new Map(
  [...Object.keys(message.shape), 'Name', 'Email', 'Content', 'Filename', 'ContentType', 'ContentID'].map((name) => [
    name.toLowerCase(),
    name,
  ]),
)
