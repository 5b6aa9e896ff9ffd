// `plinth up`: the stack in the foreground: live status of the start, a table of URLs and keys, then logs until Ctrl-C.

import { readableLine } from '../log/log.ts'
import { currentRun } from '../stack/run-file.ts'
import { stateDirOf } from '../stack/state-dir.ts'
import { CliError, type Command, flagList, flagOn } from './command.ts'
import { Progress } from './progress.ts'
import { AlreadyRunning, runStack } from './run-stack.ts'
import { onSignal } from './signals.ts'
import { workDirOf } from './stack-link.ts'
import type { FromStart } from './start.ts'
import { statusTables } from './status-output.ts'

export const up: Command = {
  name: 'up',
  endsItself: true,
  summary: 'Start the stack in the foreground and show its logs; Ctrl-C stops it',
  flags: [
    { name: 'exclude', short: 'x', kind: 'list', value: 'NAMES', help: 'services to leave out, by name' },
    { name: 'quiet', kind: 'boolean', help: 'no logs after the start' },
    { name: 'detached', kind: 'boolean', help: '', hidden: true },
  ],
  async run(invocation) {
    const { flags, io, env, signal } = invocation
    const exclude = flagList(flags, 'exclude')
    if (flagOn(flags, 'detached')) return runDetached(workDirOf(invocation), exclude, invocation.env, signal)
    const workDir = workDirOf(invocation)
    const other = currentRun(stateDirOf(workDir))
    if (other)
      throw new CliError(`A stack is running in ${workDir} already (pid ${other.pid}).`, {
        suggestion: 'Run plinth status to see it, plinth stop to stop it.',
      })
    const began = Date.now()
    const progress = new Progress(io)
    let ready = false
    // The terminal was closed: as good as a Ctrl-C.
    const hungUp = new AbortController()
    using _ = onSignal(['SIGHUP'], () => hungUp.abort())
    try {
      await runStack({
        workDir,
        env,
        exclude,
        signal: AbortSignal.any([signal, hungUp.signal]),
        onLine: (line) => progress.line(line),
        onNode: (report) => !ready && progress.node(report),
        onReady: (status) => {
          ready = true
          progress.end()
          io.out(`\n${statusTables(status, io.columns)}\n`)
          io.err(`Ready in ${((Date.now() - began) / 1000).toFixed(1)} s. Ctrl-C stops everything.\n`)
        },
        onLog: (line) => ready && !flagOn(flags, 'quiet') && io.err(readableLine(line)),
      })
    } catch (error) {
      if (error instanceof AlreadyRunning)
        throw new CliError(error.message, { suggestion: 'Run plinth status to see it, plinth stop to stop it.' })
      throw error
    } finally {
      progress.end()
    }
    io.err('Stopped.\n')
    return 0
  },
}

// The child of `plinth start`: tells its parent everything until the stack is healthy; without a parent an unfinished start ends.
async function runDetached(
  workDir: string,
  exclude: readonly string[],
  env: Parameters<typeof runStack>[0]['env'],
  signal: AbortSignal,
): Promise<number> {
  const orphaned = new AbortController()
  const tell = (message: FromStart) => void (process.connected && process.send?.(message))
  process.once('disconnect', () => orphaned.abort())
  if (process.connected === false) orphaned.abort() // it died before we listened
  let ready = false
  try {
    await runStack({
      workDir,
      env,
      exclude,
      signal: AbortSignal.any([signal, orphaned.signal]),
      onLine: (line) => tell({ line }),
      onNode: (report) => !ready && tell({ node: report }),
      onReady: (status) => {
        ready = true
        process.removeAllListeners('disconnect')
        tell({ ready: status })
        if (process.connected) process.disconnect()
      },
    })
    return 0
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    tell({
      failed: message,
      ...(error instanceof CliError && error.suggestion ? { suggestion: error.suggestion } : {}),
      ...(error instanceof AlreadyRunning ? { already: true } : {}),
    })
    return 1
  }
}
