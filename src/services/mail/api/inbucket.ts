// The API of Inbucket, the catcher that the local stack had before: a mailbox is the part of an address before the `@`.
import { createHash } from 'node:crypto'
import type { Address } from '../letter.ts'
import type { StoredMessage } from '../mailbox.ts'
import { type Exchange, letterOf, MailError, sendJson, sendText } from './exchange.ts'

export function listMailbox({ res, params, state }: Exchange): void {
  const name = mailboxName(params['name']!)
  // Oldest first there.
  const messages = [...state.mailbox.newest()].filter((message) => belongs(message, name)).reverse()
  sendJson(
    res,
    messages.map((message) => head(message, name)),
  )
}

export async function showMessage(exchange: Exchange): Promise<void> {
  const message = find(exchange)
  const name = mailboxName(exchange.params['name']!)
  const letter = await letterOf(message)
  await exchange.state.mailbox.markRead([message.summary.ID], true)
  const base = `${exchange.url.origin}${exchange.state.env.MP_WEBROOT}api/v1/message/${message.summary.ID}/part/`
  sendJson(exchange.res, {
    ...head(message, name),
    body: { text: letter.text, html: letter.html },
    header: letter.headers,
    attachments: letter.parts
      .filter(({ inline }) => !inline)
      .map(({ partId, fileName, contentType, content }) => ({
        filename: fileName,
        'content-type': contentType,
        'download-link': `${base}${partId}?dl=1`,
        'view-link': `${base}${partId}`,
        md5: createHash('md5').update(content).digest('hex'),
      })),
  })
}

export function showSource(exchange: Exchange): void {
  sendText(exchange.res, find(exchange).raw)
}

export async function purgeMailbox({ res, params, state }: Exchange): Promise<void> {
  const name = mailboxName(params['name']!)
  const ids = [...state.mailbox.newest()].filter((message) => belongs(message, name)).map(({ summary }) => summary.ID)
  if (ids.length > 0) await state.mailbox.drop(ids)
  sendJson(res, 'OK')
}

export async function deleteMessage(exchange: Exchange): Promise<void> {
  await exchange.state.mailbox.drop([find(exchange).summary.ID])
  sendJson(exchange.res, 'OK')
}

function find({ params, state }: Exchange): StoredMessage {
  const name = mailboxName(params['name']!)
  const message =
    params['id'] === 'latest' ? [...state.mailbox.newest()].find((candidate) => belongs(candidate, name)) : state.mailbox.get(params['id']!)
  if (!message || !belongs(message, name)) throw new MailError(404, '404 page not found')
  return message
}

/** `Me+tag@example.com` → `me`, by Inbucket's default naming. */
function mailboxName(value: string): string {
  return value.split('@')[0]!.split('+')[0]!.toLowerCase()
}

function belongs({ summary }: StoredMessage, name: string): boolean {
  return [...summary.To, ...summary.Cc, ...summary.Bcc].some(({ Address }) => mailboxName(Address) === name)
}

function head({ summary, created }: StoredMessage, mailbox: string) {
  return {
    mailbox,
    id: summary.ID,
    from: line(summary.From),
    to: summary.To.map(line),
    subject: summary.Subject,
    date: summary.Created,
    'posix-millis': created,
    size: summary.Size,
    seen: summary.Read,
  }
}

/** As Go prints an address: `"Name" <a@b>`. */
function line({ Name, Address }: Address): string {
  return Name === '' ? `<${Address}>` : `"${Name.replace(/["\\]/g, '\\$&')}" <${Address}>`
}
