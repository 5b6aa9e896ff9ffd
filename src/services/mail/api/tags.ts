// Tags through the API: all, set on messages, renamed, deleted.
import { cleanTag } from '../tags.ts'
import { type Exchange, field, MailError, readJson, sendJson, sendText, strings } from './exchange.ts'

export function listTags({ res, state }: Exchange): void {
  sendJson(res, [...state.mailbox.tags().keys()])
}

/** `{ Tags, IDs }`: the messages have these tags and no others. */
export async function setTags({ req, res, state }: Exchange): Promise<void> {
  const body = await readJson(req)
  if (typeof body !== 'object' || body === null) throw new MailError(400, 'invalid JSON body')
  const ids = strings(field(body, 'IDs'))
  if (ids.length > 0) await state.mailbox.setTags(ids, strings(field(body, 'Tags')))
  sendText(res, 'ok')
}

export async function renameTag({ req, res, params, state }: Exchange): Promise<void> {
  const name = field(await readJson(req), 'Name')
  const next = typeof name === 'string' ? cleanTag(name) : ''
  if (next === '') throw new MailError(400, 'invalid tag name')
  await replace(state, params['tag']!, next)
  sendText(res, 'ok')
}

export async function deleteTag({ res, params, state }: Exchange): Promise<void> {
  await replace(state, params['tag']!, undefined)
  sendText(res, 'ok')
}

async function replace({ mailbox }: Exchange['state'], tag: string, next: string | undefined): Promise<void> {
  if (!mailbox.tags().has(tag)) throw new MailError(400, `tag not found: ${tag}`)
  for (const { summary } of [...mailbox.newest()]) {
    if (!summary.Tags.includes(tag)) continue
    const rest = summary.Tags.filter((other) => other !== tag)
    await mailbox.setTags([summary.ID], next === undefined ? rest : [...rest, next])
  }
}
