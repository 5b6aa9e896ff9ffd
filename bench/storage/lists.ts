// A bucket with a million rows, and how long the list of one of its folders takes.
import pg from 'pg'
import type { RunningStack } from '../../src/create-stack.ts'

const FOLDERS = 1_000
const FILES = 1_000

export async function fillBucket(dbUrl: string): Promise<void> {
  const client = new pg.Client(dbUrl)
  await client.connect()
  try {
    await client.query(`insert into storage.buckets (id, name) values ('million', 'million')`)
    await client.query(
      `insert into storage.objects (bucket_id, name, version, metadata)
       select 'million', 'folder-' || lpad(f::text, 4, '0') || '/file-' || lpad(n::text, 4, '0') || '.txt', gen_random_uuid()::text,
              '{"eTag":"\\"d41d8cd98f00b204e9800998ecf8427e\\"","size":0,"mimetype":"text/plain"}'
         from generate_series(1, ${FOLDERS}) f, generate_series(1, ${FILES}) n`,
    )
    await client.query('vacuum analyze storage.objects')
  } finally {
    await client.end()
  }
}

export interface ListTimes {
  readonly what: string
  readonly medianMs: number
  readonly p99Ms: number
}

export async function timeLists(stack: RunningStack, calls: number): Promise<ListTimes[]> {
  const kinds: [string, string, (index: number) => object][] = [
    ['a folder, v1', '/object/list/million', (index) => ({ prefix: folder(index), limit: 100 })],
    ['a folder, v2', '/object/list-v2/million', (index) => ({ prefix: `${folder(index)}/`, limit: 100, with_delimiter: true })],
    ['the folders, v1', '/object/list/million', (index) => ({ prefix: '', limit: 100, offset: index % 100 })],
  ]
  const times: ListTimes[] = []
  for (const [what, path, body] of kinds) {
    const taken: number[] = []
    for (let index = 0; index < calls; index++) {
      const began = performance.now()
      const answer = await fetch(`${stack.url}/storage/v1${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${stack.serviceRoleKey}`, apikey: stack.serviceRoleKey, 'content-type': 'application/json' },
        body: JSON.stringify(body(index)),
      })
      const text = await answer.text()
      if (!answer.ok || text.length < 1_000) throw new Error(`a list was answered ${answer.status} ${text.slice(0, 200)}`)
      taken.push(performance.now() - began)
    }
    const sorted = taken.slice(10).sort((a, b) => a - b)
    times.push({ what, medianMs: sorted[sorted.length >> 1]!, p99Ms: sorted[Math.floor(sorted.length * 0.99)]! })
  }
  return times
}

const folder = (index: number): string => `folder-${String(1 + ((index * 37) % FOLDERS)).padStart(4, '0')}`
