import { expect, test } from 'vitest'
import { type Command, helpOf, parseInvocation } from './command.ts'

const command: Command = {
  name: 'pets feed',
  summary: 'Feed the pets',
  args: 'NAME',
  minArgs: 1,
  maxArgs: 2,
  flags: [
    { name: 'amount', short: 'a', kind: 'string', help: 'how much' },
    { name: 'kind', kind: 'list', help: 'which' },
    { name: 'size', kind: 'string', oneOf: ['s', 'l'], help: 'size' },
    { name: 'fast', kind: 'boolean', help: 'fast' },
    { name: 'slow', kind: 'boolean', help: 'slow' },
    { name: 'secretly', kind: 'boolean', help: 'hidden one', hidden: true },
  ],
  exclusive: [['fast', 'slow']],
  run: async () => 0,
}
const parse = (args: string[], env = {}) => parseInvocation(command, args, env)

test.each<[string[], Record<string, unknown>]>([
  [['cat'], { args: ['cat'] }],
  [['cat', '--amount', '3'], { args: ['cat'], amount: '3' }],
  [['-a', '3', 'cat'], { args: ['cat'], amount: '3' }],
  [['--amount=3', 'cat', 'dog'], { args: ['cat', 'dog'], amount: '3' }],
  [['cat', '--kind', 'a,b', '--kind', 'c'], { args: ['cat'], kind: ['a', 'b', 'c'] }],
  [['cat', '--fast=true'], { args: ['cat'], fast: true }],
  [['cat', '--fast=false'], { args: ['cat'], fast: undefined }],
  [['cat', '-o', 'json', '--workdir', '/x'], { args: ['cat'], output: 'json', workdir: '/x' }],
])('%j', (argv, expected) => {
  const { args, flags } = parse(argv)
  expect({ args, ...Object.fromEntries(Object.keys(expected).flatMap((name) => (name === 'args' ? [] : [[name, flags[name]]]))) }).toEqual(
    expected,
  )
})

test.each<[string[], string]>([
  [['cat', '--none'], 'unknown flag: --none'],
  [[], 'accepts between 1 and 2 arg(s), received 0'],
  [['a', 'b', 'c'], 'accepts between 1 and 2 arg(s), received 3'],
  [['cat', '--fast', '--slow'], 'if any flags in the group [fast slow] are set none of the others can be; [fast slow] were all set'],
  [['cat', '--size', 'm'], 'invalid argument "m" for "--size" flag: must be one of [ s | l ]'],
])('%j is refused', (argv, message) => {
  expect(() => parse(argv)).toThrow(message)
})

test('a required flag is named', () => {
  expect(() => parseInvocation({ ...command, required: ['amount'] }, ['cat'], {})).toThrow('required flag(s) "amount" not set')
})

test('global flags come from SUPABASE_ variables, the command line wins', () => {
  const env = { SUPABASE_WORKDIR: '/from-env', SUPABASE_YES: 'true' }
  expect(parse(['cat'], env).flags).toMatchObject({ workdir: '/from-env', yes: true })
  expect(parse(['cat', '--workdir', '/line'], env).flags['workdir']).toBe('/line')
})

test('help asks for nothing else, and hides what is hidden', () => {
  expect(parse(['--help']).flags['help']).toBe(true)
  const help = helpOf(command, 'plinth')
  expect(help).toContain('plinth pets feed NAME [flags]')
  expect(help).toContain('-a, --amount')
  expect(help).not.toContain('hidden one')
})
