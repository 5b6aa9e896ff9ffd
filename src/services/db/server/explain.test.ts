import { expect, test } from 'vitest'
import { explain } from './explain.ts'

test.each([
  [
    ' 2026 UTC [1] FATAL:  could not write lock file "postmaster.pid": No space left on device',
    /no space is left on the disk of \/tmp .*\(\d+ MB free\)/,
  ],
  [' 2026 UTC [1] LOG:  could not bind IPv4 address "127.0.0.1": Address already in use', /port 5432 is taken/],
  [' 2026 UTC [1] LOG:  could not bind IPv4 address "127.0.0.1": Permission denied', /may not listen on port 5432/],
  [' 2026 UTC [1] FATAL:  invalid value for parameter "work_mem": "x"', /server setting is wrong.*\n.*work_mem/s],
  [' 2026 UTC [1] FATAL:  could not map anonymous shared memory: Cannot allocate memory', /too little memory.*shared_buffers/],
  ['', /Cannot start: the server ended\.$/],
])('explain() of %j', async (output, expected) => {
  expect((await explain({ doing: 'start', dataDir: '/tmp', port: 5432, output })).message).toMatch(expected)
})

test('explain() of a program that the system cannot run', async () => {
  const problem = await explain({ doing: 'start', dataDir: '/tmp', output: '', cause: Object.assign(new Error(), { code: 'ENOENT' }) })
  expect(problem.message).toContain('musl')
})
