import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { createLog } from '../../log/log.ts'
import { relayOutput } from './process.ts'

test('a record that comes in pieces is one line of the log', async () => {
  const lines: string[] = []
  const log = createLog({ format: 'json', level: 'info', write: (line) => lines.push(line) })
  const stdout = new PassThrough()
  const lastWords = relayOutput({ stdout, stderr: null } as unknown as Parameters<typeof relayOutput>[0], { log })
  stdout.write('{"level":"error","msg":"it was')
  await vi.waitFor(() => expect(lastWords()).not.toBe(''))
  stdout.write(' long"}\n')
  await vi.waitFor(() => expect(lines).toHaveLength(1))
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', msg: 'it was long' })
})
