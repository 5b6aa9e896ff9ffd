import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Mailbox, newId, type StoredMessage } from './mailbox.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailbox-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function message(id: string, raw = Buffer.from('x'), created = Number(id.replace(/\D/g, '') || 0)): StoredMessage {
  return {
    created,
    inline: 0,
    searchText: '',
    raw,
    summary: {
      ID: id,
      MessageID: `${id}@x`,
      Read: false,
      From: { Name: '', Address: '' },
      To: [],
      Cc: [],
      Bcc: [],
      ReplyTo: [],
      Subject: id,
      Created: new Date(created).toISOString(),
      Username: '',
      Tags: [],
      Size: raw.length,
      Attachments: 0,
      Snippet: '',
    },
  }
}
const ids = (box: Mailbox): string[] => [...box.newest()].map(({ summary }) => summary.ID)

test('the oldest go when there are too many, or too much', async () => {
  const few = await Mailbox.open({ maxMessages: 2, maxBytes: 1_000 })
  for (const id of ['m1', 'm2', 'm3']) await few.put(message(id))
  expect(ids(few)).toEqual(['m3', 'm2'])
  const small = await Mailbox.open({ maxMessages: 0, maxBytes: 10 })
  for (const id of ['m1', 'm2', 'm3']) await small.put(message(id, Buffer.alloc(6)))
  expect(ids(small)).toEqual(['m3'])
  expect(small.bytes).toBe(6)
  expect(small.deleted).toBe(2)
})

test('dates taken from messages order the list', async () => {
  const box = await Mailbox.open({ maxMessages: 0, maxBytes: 1_000 })
  for (const id of ['m5', 'm1', 'm9']) await box.put(message(id))
  expect(ids(box)).toEqual(['m9', 'm5', 'm1'])
})

test('a restart keeps messages, marks, tags and every byte', async () => {
  const file = join(dir, 'deep', 'mail.jsonl')
  const options = { file, maxMessages: 0, maxBytes: 10_000 }
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
  const first = await Mailbox.open(options)
  await first.put(message('m1', bytes))
  await first.put(message('m2'))
  await first.put(message('m3'))
  await first.markRead(['m1'], true)
  await first.setTags(['m1'], ['b', 'A'])
  await first.drop(['m2'])
  await first.close()
  expect(statSync(file).mode & 0o777).toBe(0o600)

  const second = await Mailbox.open(options)
  expect(ids(second)).toEqual(['m3', 'm1'])
  expect(second.get('m1')?.raw.equals(bytes)).toBe(true)
  expect(second.get('m1')?.summary).toMatchObject({ Read: true, Tags: ['A', 'b'] })
  expect(second.deleted).toBe(0)
  await second.clear()
  await second.close()
  const third = await Mailbox.open(options)
  expect(third.total).toBe(0)
  await third.close()
})

test('a line that a crash cut off is dropped, and the next one is whole', async () => {
  const file = join(dir, 'mail.jsonl')
  const options = { file, maxMessages: 0, maxBytes: 10_000 }
  const first = await Mailbox.open(options)
  await first.put(message('m1'))
  await first.close()
  appendFileSync(file, '{"put":{"created":2,"raw":"ha')
  const second = await Mailbox.open(options)
  expect(ids(second)).toEqual(['m1'])
  await second.put(message('m2'))
  await second.close()
  const third = await Mailbox.open(options)
  expect(ids(third)).toEqual(['m2', 'm1'])
  await third.close()
})

test('the file shrinks when most of it is about messages that are gone', async () => {
  const file = join(dir, 'mail.jsonl')
  const box = await Mailbox.open({ file, maxMessages: 2, maxBytes: 100_000_000 })
  for (let at = 1; at <= 12; at++) await box.put(message(`m${at}`, Buffer.alloc(500_000, 'a')))
  expect(statSync(file).size).toBeLessThan(4_700_000)
  await box.put(message('m13'))
  await box.close()
  const again = await Mailbox.open({ file, maxMessages: 2, maxBytes: 100_000_000 })
  expect(ids(again)).toEqual(['m13', 'm12'])
  await again.close()
})

test('a SQLite database of upstream is refused and left alone', async () => {
  const file = join(dir, 'mailpit.db')
  writeFileSync(file, 'SQLite format 3\0and more')
  await expect(Mailbox.open({ file, maxMessages: 0, maxBytes: 1 })).rejects.toThrow(/MP_DATABASE names a SQLite database/)
  expect(readFileSync(file, 'latin1')).toBe('SQLite format 3\0and more')
})

test('IDs are 22 characters and do not repeat', () => {
  const made = Array.from({ length: 1_000 }, newId)
  expect(new Set(made).size).toBe(1_000)
  for (const id of made) expect(id).toMatch(/^[2-9A-HJ-NP-Za-km-z]{22}$/)
})
