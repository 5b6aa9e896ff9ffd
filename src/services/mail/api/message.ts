// One message: read (which marks it), its headers, its bytes, one part of it.
import { createHash } from 'node:crypto'
import type { Letter, Part } from '../letter.ts'
import { type Exchange, letterOf, MailError, messageOf, sendJson } from './exchange.ts'

export async function getMessage(exchange: Exchange): Promise<void> {
  const { res, state } = exchange
  const message = messageOf(exchange)
  const { summary } = message
  const letter = await letterOf(message)
  await state.mailbox.markRead([summary.ID], true)
  sendJson(res, {
    ID: summary.ID,
    MessageID: letter.messageId,
    From: letter.from,
    To: letter.to,
    Cc: letter.cc,
    Bcc: letter.bcc,
    ReplyTo: letter.replyTo,
    ReturnPath: letter.returnPath,
    Subject: letter.subject,
    ListUnsubscribe: unsubscribeOf(letter),
    Date: (letter.date ?? new Date(message.created)).toISOString(),
    Tags: summary.Tags,
    Username: summary.Username,
    Text: letter.text,
    HTML: letter.html,
    Size: summary.Size,
    Inline: letter.parts.filter(({ inline }) => inline).map(describe),
    Attachments: letter.parts.filter(({ inline }) => !inline).map(describe),
  })
}

export async function getHeaders(exchange: Exchange): Promise<void> {
  sendJson(exchange.res, (await letterOf(messageOf(exchange))).headers)
}

export function getRaw(exchange: Exchange): void {
  const { summary, raw } = messageOf(exchange)
  const { res, url } = exchange
  if (url.searchParams.get('dl') === '1') res.setHeader('content-disposition', `attachment; filename="${summary.ID}.eml"`)
  res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': raw.length }).end(raw)
}

// Shown in a browser these could run as a page of this origin: they are only ever downloaded.
const ACTIVE = /^(text\/html|text\/xml|text\/xsl|image\/svg\+xml|application\/xhtml\+xml|application\/xml|.*javascript|.*ecmascript)$/i

export async function getPart(exchange: Exchange): Promise<void> {
  const { res, url, params } = exchange
  const part = (await letterOf(messageOf(exchange))).parts.find(({ partId }) => partId === params['part'])
  if (!part) throw new MailError(404, '404 page not found')
  const active = ACTIVE.test(part.contentType) || !/^[\w.+-]+\/[\w.+-]+$/.test(part.contentType)
  const download = active || url.searchParams.get('dl') === '1'
  res
    .writeHead(200, {
      'content-type': active ? 'application/octet-stream' : part.contentType,
      'content-length': part.content.length,
      'content-disposition': `${download ? 'attachment' : 'inline'}; filename*=UTF-8''${percent(part.fileName)}`,
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    })
    .end(part.content)
}

function describe({ partId, fileName, contentType, contentId, content }: Part) {
  const hash = (algorithm: string): string => createHash(algorithm).update(content).digest('hex')
  return {
    PartID: partId,
    FileName: fileName,
    ContentType: contentType,
    ContentID: contentId,
    Size: content.length,
    Checksums: { MD5: hash('md5'), SHA1: hash('sha1'), SHA256: hash('sha256') },
  }
}

function unsubscribeOf({ headers }: Letter) {
  const header = headers['List-Unsubscribe']?.[0] ?? ''
  const links = [...header.matchAll(/<((?:https?|mailto):[^<>\s]{1,2000})>/gi)].map((match) => match[1])
  return {
    Header: header,
    Links: links,
    Errors: header !== '' && links.length === 0 ? 'no valid links found' : '',
    HeaderPost: header === '' ? '' : (headers['List-Unsubscribe-Post']?.[0] ?? ''),
  }
}

/** RFC 8187: what may stand unencoded in an extended value. */
function percent(value: string): string {
  return encodeURIComponent(value.replace(/[\ud800-\udfff]/gu, '').slice(0, 200)).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
