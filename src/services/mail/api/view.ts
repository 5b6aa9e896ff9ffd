// A message as a page: its HTML, in a sandbox of its own and with nothing loaded from elsewhere unless asked for, or its text.
import type { Letter } from '../letter.ts'
import { type Exchange, letterOf, MailError, messageOf, sendText } from './exchange.ts'

// No script, no form, no frame; links open. `?remote=1` lets images, styles and fonts of other hosts in.
const sandbox = 'sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation'
const policy = (remote: boolean): string =>
  remote
    ? `default-src 'none'; img-src * data: blob:; media-src * data:; style-src * 'unsafe-inline'; font-src * data:; ${sandbox}`
    : `default-src 'none'; img-src 'self' data:; media-src 'self' data:; style-src 'unsafe-inline'; font-src data:; ${sandbox}`

export function view(exchange: Exchange): Promise<void> | void {
  const match = /^(.+)\.(html|txt)$/.exec(exchange.params['file']!)
  if (!match) {
    // `/view/latest` and `/view/{ID}` are places on the page.
    const { summary } = messageOf({ ...exchange, params: { id: exchange.params['file']! } })
    exchange.res.writeHead(302, { location: `${exchange.state.env.MP_WEBROOT}#${summary.ID}` }).end()
    return
  }
  const target = { ...exchange, params: { id: match[1]! } }
  return match[2] === 'html' ? viewHtml(target) : viewText(target)
}

async function viewHtml(exchange: Exchange): Promise<void> {
  const { res, url, state } = exchange
  const message = found(exchange)
  const letter = await letterOf(message)
  await state.mailbox.markRead([message.summary.ID], true)
  if (letter.html === '') throw new MailError(404, 'This message does not contain a HTML part')
  // Within the page's frame every link opens a tab of its own.
  const base = url.searchParams.get('embed') === '1' ? '<base target="_blank">' : ''
  const body = base + withInlineParts(letter, `${state.env.MP_WEBROOT}api/v1/message/${message.summary.ID}/part/`)
  res
    .writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'content-security-policy': policy(url.searchParams.get('remote') === '1'),
    })
    .end(body)
}

async function viewText(exchange: Exchange): Promise<void> {
  const message = found(exchange)
  const letter = await letterOf(message)
  await exchange.state.mailbox.markRead([message.summary.ID], true)
  sendText(exchange.res, letter.text)
}

function found(exchange: Exchange) {
  try {
    return messageOf(exchange)
  } catch (error) {
    throw error instanceof MailError ? new MailError(404, 'Message not found') : error
  }
}

/** `cid:` addresses become those of the parts they name. */
export function withInlineParts(letter: Letter, prefix: string): string {
  const byId = new Map(
    letter.parts.filter(({ contentId }) => contentId !== '').map(({ contentId, partId }) => [contentId.toLowerCase(), partId]),
  )
  if (byId.size === 0) return letter.html
  return letter.html.replace(/\bcid:([^"'\s<>)]{1,300})/gi, (whole, id: string) => {
    const part = byId.get(id.toLowerCase()) ?? byId.get(decoded(id).toLowerCase())
    return part === undefined ? whole : `${prefix}${part}`
  })
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    // A stray percent sign: the id is meant as it stands.
    return value
  }
}
