// From the command line to one command: finds it, reads its flags, runs it, and turns what it throws into one line and an exit code.
import type { Environment } from '../service/definition.ts'
import { CliError, flagOn, helpOf, type Io, parseInvocation } from './command.ts'
import { type CommandEntry, commands } from './commands.ts'

export interface Program {
  /** The name it was called by: `plinth` or `supabase`. */
  readonly name: string
  readonly version: string
  readonly argv: readonly string[]
  readonly env: Environment
  readonly cwd: string
  readonly io: Io
  readonly signal: AbortSignal
}

/** What a shell says of a program that Ctrl-C ended. */
const INTERRUPTED = 130

/** Runs the program; resolves to its exit code. */
export async function main(program: Program): Promise<number> {
  const { io } = program
  try {
    return await dispatch(program)
  } catch (error) {
    const red = (text: string) => (io.colours ? `\x1b[31m${text}\x1b[39m` : text)
    if (error instanceof CliError) {
      io.err(`${red(error.message)}\n`)
      if (error.suggestion) io.err(`${error.suggestion}\n`)
      return error.exitCode
    }
    io.err(`${red(error instanceof Error ? error.message : String(error))}\n`)
    if (program.argv.includes('--debug') && error instanceof Error) io.err(`${error.stack}\n`)
    else io.err('Try rerunning the command with --debug to troubleshoot the error.\n')
    return 1
  }
}

async function dispatch(program: Program): Promise<number> {
  const { argv, io } = program
  if (argv[0] === '--version' || argv[0] === '-v') {
    io.out(`${program.version}\n`)
    return 0
  }
  const found = findCommand(argv)
  if (!found) {
    const asked = argv.filter((arg) => !arg.startsWith('-'))
    if (asked.length === 0 || asked[0] === 'help') {
      io.out(overview(program.name, commands))
      return 0
    }
    const group = commands.filter((entry) => entry.name.startsWith(`${asked[0]} `))
    if (group.length > 0 && (asked.length === 1 || argv.includes('--help'))) {
      io.out(overview(program.name, group))
      return asked.length === 1 ? 0 : 1
    }
    const similar = closest(asked[0]!)
    throw new CliError(`unknown command "${asked.slice(0, 2).join(' ')}" for "${program.name}"`, {
      suggestion: similar ? `Did you mean ${program.name} ${similar}?` : `Run ${program.name} --help to see the commands.`,
    })
  }
  const command = await found.entry.load()
  const { args, flags } = parseInvocation(command, found.rest, program.env)
  if (flagOn(flags, 'help')) {
    io.out(helpOf(command, program.name))
    return 0
  }
  const done = command.run({ args, flags, io, env: program.env, cwd: program.cwd, signal: program.signal })
  return (await (command.endsItself ? done : Promise.race([done, interrupted(program.signal)]))) ?? 0
}

function interrupted(signal: AbortSignal): Promise<number> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(INTERRUPTED), { once: true }))
}

/** The longest command name that the words of the line begin with; flags may stand between and before the words. */
export function findCommand(argv: readonly string[]): { entry: CommandEntry; rest: string[] } | undefined {
  let best: { entry: CommandEntry; rest: string[] } | undefined
  for (const entry of commands) {
    const words = entry.name.split(' ')
    const rest: string[] = []
    let matched = 0
    for (let index = 0; index < argv.length; index++) {
      const arg = argv[index]!
      if (matched < words.length && arg === words[matched]) matched++
      else if (matched < words.length && takesValue(arg)) {
        rest.push(arg)
        if (index + 1 < argv.length) rest.push(argv[++index]!)
      } else if (matched < words.length && !arg.startsWith('-')) break
      else rest.push(arg)
    }
    if (matched === words.length && words.length > (best?.entry.name.split(' ').length ?? 0)) best = { entry, rest }
  }
  return best
}

const takesValue = (arg: string): boolean =>
  /^(--workdir|--output|-o|--network-id|--profile|--dns-resolver|--agent|--output-format)$/.test(arg)

function overview(name: string, entries: readonly CommandEntry[]): string {
  const listed = entries.filter(({ hidden }) => !hidden)
  const width = Math.max(...listed.map((entry) => entry.name.length)) + 2
  const lines = listed.map((entry) => `  ${entry.name.padEnd(width)}${entry.summary}`)
  return `The Supabase stack as one program.\n\nUsage:\n  ${name} COMMAND [flags]\n\nCommands:\n${lines.join('\n')}\n\nRun ${name} COMMAND --help to see what a command takes.\n`
}

function closest(word: string): string | undefined {
  const letters = (text: string) => [...text].sort().join('')
  return commands.find(({ name }) => letters(name) === letters(word) || name.startsWith(word.slice(0, 3)))?.name
}
