// `plinth logs [SERVICE] [-f]`: what the services wrote, oldest first.
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readableLine, recordOf } from '../log/log.ts'
import { kinds } from '../stack/kinds.ts'
import { logFileOf } from '../stack/state-dir.ts'
import { CliError, type Command, flagOn, flagText } from './command.ts'
import { workDirOf } from './stack-link.ts'

export const logs: Command = {
  name: 'logs',
  endsItself: true,
  summary: 'Show the logs of the stack or of one service',
  args: '[SERVICE]',
  maxArgs: 1,
  flags: [
    { name: 'follow', short: 'f', kind: 'boolean', help: 'wait for more until Ctrl-C' },
    { name: 'lines', short: 'n', kind: 'string', value: 'N', default: '200', help: 'how many of the last lines to show' },
  ],
  async run(invocation) {
    const { args, flags, io, signal } = invocation
    const file = logFileOf(workDirOf(invocation))
    if (!existsSync(file))
      throw new CliError(`There are no logs yet: ${file} does not exist.`, { suggestion: 'Run plinth start to start the stack.' })
    const [service] = args
    if (service !== undefined && !(service in kinds))
      throw new CliError(`There is no service ${service}.`, { suggestion: `There are: ${Object.keys(kinds).join(', ')}` })
    const asJson = flagText(flags, 'output') === 'json'
    const wanted = (line: string): boolean => line !== '' && (service === undefined || recordOf(line)?.['service'] === service)
    const print = (line: string) => io.out(asJson ? `${line}\n` : readableLine(line))
    const count = Number(flagText(flags, 'lines'))
    if (!Number.isInteger(count) || count < 0) throw new CliError('--lines takes a whole number')
    const older = numbered(file).flatMap((path) => readFileSync(path, 'utf8').split('\n'))
    let position = statSync(file).size
    for (const line of [...older, ...readFileSync(file, 'utf8').slice(0, position).split('\n')]
      .filter(wanted)
      .slice(-count || Number.POSITIVE_INFINITY))
      print(line)
    if (!flagOn(flags, 'follow')) return 0
    let pending = ''
    const more = () => {
      const fd = openSync(file, 'r')
      try {
        const { size } = fstatSync(fd)
        if (size < position) position = 0 // rotated
        const bytes = Buffer.alloc(size - position)
        position += readSync(fd, bytes, 0, bytes.length, position)
        const lines = (pending + bytes.toString('utf8')).split('\n')
        pending = lines.pop()!
        for (const line of lines.filter(wanted)) print(line)
      } finally {
        closeSync(fd)
      }
    }
    const watcher = watch(dirname(file), (_, name) => name === basename(file) && existsSync(file) && more())
    more()
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    watcher.close()
    return 0
  },
}

/** The older files, the oldest first. */
function numbered(file: string): string[] {
  return readdirSync(dirname(file))
    .flatMap((name) => {
      const index = name.startsWith(`${basename(file)}.`) ? Number(name.slice(basename(file).length + 1)) : Number.NaN
      return Number.isInteger(index) ? [{ path: join(dirname(file), name), index }] : []
    })
    .sort((a, b) => b.index - a.index)
    .map(({ path }) => path)
}
