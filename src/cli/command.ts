// The frame of every command: its flags, its arguments, where it reads and writes, and how it says no.
import { parseArgs } from 'node:util'
import type { Environment } from '../service/definition.ts'

export interface Flag {
  readonly name: string
  readonly short?: string
  readonly kind: 'boolean' | 'string' | 'list'
  /** Placeholder of the value in the help. */
  readonly value?: string
  readonly oneOf?: readonly string[]
  readonly default?: string | boolean
  readonly help: string
  /** Left out of the help: accepted so that scripts written for other programs run. */
  readonly hidden?: boolean
}

export interface Command {
  /** With its group: `migration new`. */
  readonly name: string
  readonly summary: string
  /** Words for the arguments: `NAME`, `[VERSION...]`. */
  readonly args?: string
  readonly minArgs?: number
  readonly maxArgs?: number
  readonly flags?: readonly Flag[]
  /** Groups of flags of which at most one may be given. */
  readonly exclusive?: readonly (readonly string[])[]
  readonly required?: readonly string[]
  /** First arguments behind which flags that are not known here are some other program's: they are handed over as `flags.passed`. */
  readonly passesFlags?: ReadonlySet<string>
  /** It ends by itself, in order, when the invocation's signal aborts; every other command is simply left. */
  readonly endsItself?: boolean
  /** Resolves to the exit code (0 when it resolves to nothing). */
  run(invocation: Invocation): Promise<number | undefined>
}

export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface Invocation {
  readonly args: readonly string[]
  readonly flags: FlagValues
  readonly io: Io
  readonly env: Environment
  readonly cwd: string
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
}

/** Data goes to `out`, every line for people to `err`. */
export interface Io {
  out(text: string): void
  err(text: string): void
  readonly outIsTerminal: boolean
  readonly errIsTerminal: boolean
  readonly colours: boolean
  /** How wide the terminal behind stdout is; undefined where there is none. */
  readonly columns: number | undefined
  /** What is piped into the program; empty when stdin is a terminal. */
  readInput(): Promise<string>
  /** Asks on stderr; without a terminal one line of stdin is awaited for 100 ms, else the default holds. */
  confirm(question: string, fallback: boolean): Promise<boolean>
}

/** An expected failure: one line for people on stderr, and what to do about it. */
export class CliError extends Error {
  readonly suggestion: string | undefined
  readonly exitCode: number
  constructor(message: string, options: { suggestion?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'CliError'
    this.suggestion = options.suggestion
    this.exitCode = options.exitCode ?? 1
  }
}

/** Flags of every command. The hidden ones are taken and ignored. */
export const globalFlags: readonly Flag[] = [
  {
    name: 'workdir',
    kind: 'string',
    value: 'DIR',
    help: 'folder of the project (default: the nearest one that holds supabase/config.toml, else the current one)',
  },
  {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    oneOf: ['pretty', 'env', 'json', 'yaml', 'toml', 'table', 'csv'],
    help: 'form of what is printed on stdout',
  },
  { name: 'yes', kind: 'boolean', help: 'answer every question with yes' },
  { name: 'debug', kind: 'boolean', help: 'print more about what happens' },
  { name: 'help', short: 'h', kind: 'boolean', help: 'show this help' },
  { name: 'experimental', kind: 'boolean', help: '', hidden: true },
  { name: 'network-id', kind: 'string', help: '', hidden: true },
  { name: 'profile', kind: 'string', help: '', hidden: true },
  { name: 'dns-resolver', kind: 'string', help: '', hidden: true },
  { name: 'create-ticket', kind: 'boolean', help: '', hidden: true },
  { name: 'agent', kind: 'string', help: '', hidden: true },
  { name: 'output-format', kind: 'string', help: '', hidden: true },
]

/** Flags and arguments of a command line after the command's name. Throws CliError before anything is done. */
export function parseInvocation(command: Command, argv: readonly string[], env: Environment): { args: string[]; flags: FlagValues } {
  const known = new Map([...globalFlags, ...(command.flags ?? [])].map((flag) => [flag.name, flag]))
  const { own, passed } = splitPassed(command, argv, known)
  const given = readFlags(command, own, known)
  const flags: Record<string, string | boolean | readonly string[] | undefined> = {}
  for (const flag of known.values()) {
    const fromEnv = env[`SUPABASE_${flag.name.toUpperCase().replaceAll('-', '_')}`]
    let value = given.values[flag.name]
    if (value === undefined && fromEnv && globalFlags.includes(flag))
      value = flag.kind === 'boolean' ? /^(1|true|yes)$/i.test(fromEnv) : fromEnv
    if (Array.isArray(value)) value = value.flatMap((item) => item.split(',')).filter((item) => item !== '')
    if (flag.oneOf && typeof value === 'string' && !flag.oneOf.includes(value)) {
      throw new CliError(`invalid argument "${value}" for "--${flag.name}" flag: must be one of [ ${flag.oneOf.join(' | ')} ]`)
    }
    flags[flag.name] = value ?? flag.default
  }
  if (passed.length > 0) flags['passed'] = passed
  if (flags['help'] !== true) checkCommandLine(command, flags, given)
  return { args: given.positionals, flags }
}

/** Unknown long flags, each with the value behind it if that is none itself. */
function splitPassed(command: Command, argv: readonly string[], known: ReadonlyMap<string, Flag>): { own: string[]; passed: string[] } {
  const own: string[] = []
  const passed: string[] = []
  const begins = command.passesFlags ? argv.findIndex((arg) => command.passesFlags!.has(arg)) : -1
  if (begins < 0) return { own: [...argv], passed }
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at]!
    const name = /^--([^=]+)/.exec(arg)?.[1]
    if (at <= begins || name === undefined || known.has(name)) {
      own.push(arg)
      continue
    }
    passed.push(arg)
    const next = argv[at + 1]
    if (!arg.includes('=') && next !== undefined && !next.startsWith('-')) {
      passed.push(next)
      at++
    }
  }
  return { own, passed }
}

interface GivenFlags {
  readonly values: Readonly<Record<string, string | boolean | string[] | undefined>>
  readonly positionals: string[]
}

function readFlags(command: Command, argv: readonly string[], known: ReadonlyMap<string, Flag>): GivenFlags {
  const options = Object.fromEntries(
    [...known.values()].map((flag) => [
      flag.name,
      {
        type: flag.kind === 'boolean' ? ('boolean' as const) : ('string' as const),
        multiple: flag.kind === 'list',
        ...(flag.short ? { short: flag.short } : {}),
      },
    ]),
  )
  try {
    return parseArgs({ args: withoutBooleanValues(argv, known), options, allowPositionals: true, strict: true }) as GivenFlags
  } catch (error) {
    const message = (error as Error).message
    const unknown = /Unknown option '(-{1,2}[^']+)'/.exec(message)
    throw new CliError(unknown ? `unknown flag: ${unknown[1]}` : message.split('. To specify')[0]!, {
      suggestion: `Run ${command.name} --help to see its flags.`,
    })
  }
}

// `--yes=true` and `--yes=false` are common in scripts; parseArgs knows only a boolean flag and its absence.
function withoutBooleanValues(argv: readonly string[], known: ReadonlyMap<string, Flag>): string[] {
  return argv.flatMap((arg) => {
    const match = /^--([\w-]+)=(true|false)$/.exec(arg)
    if (!match || known.get(match[1]!)?.kind !== 'boolean') return [arg]
    return match[2] === 'true' ? [`--${match[1]}`] : []
  })
}

function checkCommandLine(command: Command, flags: FlagValues, given: GivenFlags): void {
  for (const group of command.exclusive ?? []) {
    const set = group.filter((name) => given.values[name] !== undefined)
    if (set.length > 1)
      throw new CliError(
        `if any flags in the group [${group.join(' ')}] are set none of the others can be; [${set.sort().join(' ')}] were all set`,
      )
  }
  const missing = (command.required ?? []).filter((name) => flags[name] === undefined)
  if (missing.length > 0) throw new CliError(`required flag(s) ${missing.map((name) => `"${name}"`).join(', ')} not set`)
  const { minArgs = 0, maxArgs = 0 } = command
  const count = given.positionals.length
  if (count >= minArgs && count <= maxArgs) return
  const wanted = minArgs === maxArgs ? `${minArgs} arg(s)` : `between ${minArgs} and ${maxArgs} arg(s)`
  throw new CliError(`accepts ${wanted}, received ${count}`, { suggestion: `Usage: ${command.name} ${command.args ?? ''}`.trimEnd() })
}

export const flagText = (flags: FlagValues, name: string): string | undefined => {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}
export const flagList = (flags: FlagValues, name: string): readonly string[] => {
  const value = flags[name]
  return Array.isArray(value) ? (value as readonly string[]) : []
}
export const flagOn = (flags: FlagValues, name: string): boolean => flags[name] === true

export function helpOf(command: Command, program: string): string {
  const line = (flag: Flag) => {
    const names = `${flag.short ? `-${flag.short}, ` : '    '}--${flag.name}${flag.kind === 'boolean' ? '' : ` ${flag.value ?? 'VALUE'}`}`
    const values = flag.oneOf && flag.name !== 'output' ? ` (${flag.oneOf.join(', ')})` : ''
    return `  ${names.padEnd(32)} ${flag.help}${values}\n`
  }
  const own = (command.flags ?? []).filter((flag) => !flag.hidden)
  return [
    `${command.summary}\n\nUsage:\n  ${program} ${command.name}${command.args ? ` ${command.args}` : ''} [flags]\n`,
    own.length > 0 ? `\nFlags:\n${own.map(line).join('')}` : '',
    `\nFlags of every command:\n${globalFlags
      .filter((flag) => !flag.hidden)
      .map(line)
      .join('')}`,
  ].join('')
}
