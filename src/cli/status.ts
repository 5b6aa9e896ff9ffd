// `plinth status`: URLs and keys of a running stack, for people and for scripts.
import { CliError, type Command, flagList, flagText } from './command.ts'
import { liveStack, workDirOf } from './stack-link.ts'
import { formatValues, presentValues, renamed, statusTables } from './status-output.ts'

export const status: Command = {
  name: 'status',
  summary: 'Show the URLs and keys of the running stack',
  flags: [
    { name: 'override-name', kind: 'list', value: 'KEY=NAME', help: 'print a value under another name: api.url=NEXT_PUBLIC_SUPABASE_URL' },
    { name: 'exclude', kind: 'list', help: '', hidden: true },
  ],
  async run(invocation) {
    const { flags, io } = invocation
    const workDir = workDirOf(invocation)
    const live = await liveStack(workDir)
    if (!live) throw new CliError(`supabase is not running in ${workDir}.`, { suggestion: 'Run plinth start to start it.' })
    const stopped = live.status.nodes.filter(({ state }) => state === 'failed' || state === 'stopped').map(({ name }) => name)
    if (stopped.length > 0) io.err(`Stopped services: [${stopped.join(' ')}]\n`)
    const values = presentValues(live.status)
    const format = flagText(flags, 'output') ?? 'pretty'
    if (format === 'pretty') {
      io.err('supabase local development setup is running.\n\n')
      io.out(`${statusTables(live.status, io.columns)}\n`)
    } else io.out(formatValues(renamed(values, flagList(flags, 'override-name')), format))
    return 0
  },
}
