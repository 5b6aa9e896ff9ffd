import { expect, test } from 'vitest'
import { parseServerLine } from './server-log.ts'

test.each([
  [
    '127.0.0.1(40312) 2026-11-23 21:10:12.276 UTC [20428] anon@postgres FATAL:  password authentication failed for user "anon"',
    {
      level: 'warn',
      message: 'password authentication failed for user "anon"',
      details: { pid: 20428, user: 'anon', database: 'postgres', from: '127.0.0.1(40312)' },
    },
  ],
  [' 2026-11-23 21:10:12.276 UTC [1] LOG:  listening', { level: 'info', message: 'listening', details: { pid: 1 } }],
  ['[local] 2026-11-23 21:10:12.276 UTC [1] [unknown]@[unknown] LOG:  x', { level: 'info', message: 'x', details: { pid: 1 } }],
  [' 2026-11-23 21:10:12.276 UTC [1] HINT:  try', { level: 'debug', message: 'hint: try', details: { pid: 1 } }],
  [' 2026-11-23 21:10:12.276 UTC [1] PANIC:  oh', { level: 'error', message: 'oh', details: { pid: 1 } }],
  [
    ' 2026-11-23 21:10:12.276 UTC [1] FATAL:  the database system is starting up',
    { level: 'debug', message: 'the database system is starting up', details: { pid: 1 } },
  ],
  ['\tthe rest of a statement', undefined],
  ['', undefined],
])('parseServerLine(%j)', (line, expected) => {
  expect(parseServerLine(line)).toEqual(expected)
})
