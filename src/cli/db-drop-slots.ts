// `plinth db drop-slots`: drops the replication slots that realtime left behind, once it is no part of the stack any more.
import { dropLeftSlots } from '../stack/left-slots.ts'
import { CliError, type Command } from './command.ts'
import { liveStack, workDirOf } from './stack-link.ts'

export const dbDropSlots: Command = {
  name: 'db drop-slots',
  summary: 'Drop replication slots of realtime that nobody reads, in a stack without realtime',
  flags: [],
  async run(invocation) {
    const { io } = invocation
    const live = await liveStack(workDirOf(invocation))
    if (!live) throw new CliError('supabase start is not running.', { suggestion: 'Run plinth start to start it.' })
    const { nodes, description } = live.status
    if (nodes.some(({ name }) => name === 'realtime')) {
      throw new CliError('Realtime is part of this stack and looks after its replication slots itself.', {
        suggestion: 'Leave it out first: plinth start --exclude realtime.',
      })
    }
    const url = description.values.find(({ name }) => name === 'DB_URL')?.value
    if (url === undefined) throw new CliError('This stack has no database.')
    const dropped = await dropLeftSlots(String(url)).catch((error: Error) => {
      throw new CliError(`The replication slots could not be dropped: ${error.message}`, { cause: error })
    })
    io.err(dropped.length === 0 ? 'There is no replication slot to drop.\n' : `Dropped ${dropped.join(', ')}.\n`)
    return 0
  },
}
