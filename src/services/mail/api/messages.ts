// Lists: all messages, those of a search; read state and deletion of many.
import type { StoredMessage } from '../mailbox.ts'
import { compileSearch, type Match, parseDate } from '../search.ts'
import { type Exchange, field, MailError, readJson, sendJson, sendText, strings } from './exchange.ts'

const DEFAULT_LIMIT = 50

export function listMessages({ res, url, state }: Exchange): void {
  sendJson(res, page(state, [...state.mailbox.newest()].filter(within(url)), url))
}

export function searchMessages({ res, url, state }: Exchange): void {
  const match = searchOf(url)
  const inTime = within(url)
  sendJson(
    res,
    page(
      state,
      [...state.mailbox.newest()].filter((message) => inTime(message) && match(message)),
      url,
    ),
  )
}

/** `{ Read, IDs | Search }`; neither IDs nor Search means all. */
export async function setReadState({ req, res, url, state }: Exchange): Promise<void> {
  const body = await readJson(req)
  if (typeof body !== 'object' || body === null) throw new MailError(400, 'invalid JSON body')
  const ids = strings(field(body, 'IDs'))
  const search = field(body, 'Search')
  const query = typeof search === 'string' ? search : ''
  if (ids.length > 0 && query !== '') throw new MailError(400, 'You may specify either IDs or a search query, not both')
  const match = query === '' ? () => true : compileSearch(query, url.searchParams.get('tz') ?? undefined)
  await state.mailbox.markRead(ids.length > 0 ? ids : idsOf(state.mailbox.newest(), match), field(body, 'Read') === true)
  sendText(res, 'ok')
}

/** `{ IDs }`; without any, or without a body, everything goes. */
export async function deleteMessages({ req, res, state }: Exchange): Promise<void> {
  const ids = strings(field(await readJson(req), 'IDs'))
  await (ids.length === 0 ? state.mailbox.clear() : state.mailbox.drop(ids))
  sendText(res, 'ok')
}

export async function deleteSearch({ res, url, state }: Exchange): Promise<void> {
  const ids = idsOf(state.mailbox.newest(), searchOf(url))
  if (ids.length > 0) await state.mailbox.drop(ids)
  sendText(res, 'ok')
}

function page({ mailbox }: Exchange['state'], found: readonly StoredMessage[], url: URL) {
  const start = numberOf(url, 'start') ?? 0
  const limit = numberOf(url, 'limit') ?? DEFAULT_LIMIT
  const messages = found.slice(start, limit === 0 ? undefined : start + limit)
  return {
    total: mailbox.total,
    unread: mailbox.unread,
    count: messages.length,
    messages_count: found.length,
    messages_unread: found.reduce((sum, { summary }) => sum + (summary.Read ? 0 : 1), 0),
    start,
    tags: [...mailbox.tags().keys()],
    messages: messages.map(({ summary }) => summary),
  }
}

function searchOf(url: URL): Match {
  const query = url.searchParams.get('query')?.trim()
  if (!query) throw new MailError(400, 'Error: no search query')
  return compileSearch(query, url.searchParams.get('tz') ?? undefined)
}

/** `?before=`, `?since=`, `?until=`; a date that cannot be read is ignored, as upstream does. */
function within(url: URL): Match {
  const [before, since, until] = ['before', 'since', 'until'].map((name) => parseDate(url.searchParams.get(name) ?? ''))
  return ({ created }) =>
    (before === undefined || created < before) && (since === undefined || created >= since) && (until === undefined || created <= until)
}

function numberOf(url: URL, name: string): number | undefined {
  const value = url.searchParams.get(name)
  return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : undefined
}

function idsOf(messages: Iterable<StoredMessage>, match: Match): string[] {
  const ids: string[] = []
  for (const message of messages) if (match(message)) ids.push(message.summary.ID)
  return ids
}
