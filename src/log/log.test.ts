import { expect, test } from 'vitest'
import { createLog, readableLine, recordOf } from './log.ts'

test('passwords in URLs reach no line, also within errors', () => {
  const lines: string[] = []
  const log = createLog({ format: 'json', level: 'info', write: (line) => lines.push(line) })
  const failure = Object.assign(new TypeError('Invalid URL'), { input: 'postgres://auth:s3cret!@db:99999/postgres' })
  log.error({ err: failure }, 'cannot reach postgres://rest:s3cret@db:5432/postgres and http://rest:3000/a@b')
  expect(lines[0]).not.toContain('s3cret')
  expect(lines[0]).toContain('postgres://rest:[hidden]@db:5432/postgres and http://rest:3000/a@b')
  expect(recordOf(lines[0]!)).toBeDefined()
})

test.each(['{"level":"info","ms', 'null', 'words'])('a torn line %j is shown as it is', (line) => {
  expect(recordOf(line)).toBeUndefined()
  expect(readableLine(line)).toBe(`${line}\n`)
})
