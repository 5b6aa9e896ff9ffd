import { expect, test } from 'vitest'
import { findCommand, main } from './main.ts'

test.each<[string[], string | undefined, string[]]>([
  [['start'], 'start', []],
  [['db', 'reset', '--no-seed'], 'db reset', ['--no-seed']],
  [['--workdir', 'x', 'db', 'reset'], 'db reset', ['--workdir', 'x']],
  [['db', '--debug', 'reset'], 'db reset', ['--debug']],
  [['-o', 'json', 'status'], 'status', ['-o', 'json']],
  [['logs', 'rest', '-f'], 'logs', ['rest', '-f']],
  [['strat'], undefined, []],
  [['db'], undefined, []],
  [[], undefined, []],
])('%j is %s with %j', (argv, name, rest) => {
  const found = findCommand(argv)
  expect([found?.entry.name, found?.rest ?? []]).toEqual([name, rest])
})

/** Runs the program without a process; what it printed and how it ended. */
async function run(...argv: string[]) {
  const printed = { out: '', err: '' }
  const code = await main({
    name: 'plinth',
    version: '1.2.3',
    argv,
    env: {},
    cwd: '/',
    signal: new AbortController().signal,
    io: {
      out(text) {
        printed.out += text
      },
      err(text) {
        printed.err += text
      },
      outIsTerminal: false,
      errIsTerminal: false,
      colours: false,
      columns: undefined,
      readInput: async () => '',
      confirm: async (_, fallback) => fallback,
    },
  })
  return { code, ...printed }
}

test('the version, the overview and the help of a command are data on stdout', async () => {
  expect(await run('--version')).toEqual({ code: 0, out: '1.2.3\n', err: '' })
  expect((await run('--help')).out).toMatch(/Commands:\n[\s\S]*\n {2}start /)
  expect((await run('start', '--help')).out).toContain('plinth start [flags]')
  expect((await run('db', '--help')).out).toContain('db reset')
})

test.each([
  [['strat'], 'unknown command "strat" for "plinth"\nDid you mean plinth start?\n'],
  [['status', '--nope'], 'unknown flag: --nope\nRun status --help to see its flags.\n'],
  [['serve', 'nothing'], /^unknown service nothing\nThere are: .*rest/],
])('%j ends with 1 and one line on stderr', async (argv, err) => {
  const result = await run(...argv)
  expect([result.code, result.out]).toEqual([1, ''])
  if (typeof err === 'string') expect(result.err).toBe(err)
  else expect(result.err).toMatch(err)
})
