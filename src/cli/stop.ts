// `plinth stop`: ends a stack and, where asked, the data of a local project.
import { existsSync, rmSync } from 'node:fs'
import { silentLog } from '../log/log.ts'
import { stopOrphan } from '../services/db/server/orphan.ts'
import { clusterOf, removeCluster } from '../services/db/server/place.ts'
import { runningStacks } from '../stack/registry.ts'
import { currentRun } from '../stack/run-file.ts'
import { formOf, stateDirOf } from '../stack/state-dir.ts'
import { type Command, flagOn, flagText, type Io } from './command.ts'
import { endRun, workDirOf } from './stack-link.ts'

export const stop: Command = {
  name: 'stop',
  summary: 'Stop the stack; data stays unless --no-backup is given',
  flags: [
    { name: 'no-backup', kind: 'boolean', help: 'delete all data of a local project' },
    { name: 'backup', kind: 'boolean', help: '', hidden: true },
    { name: 'project-id', kind: 'string', value: 'ID', help: 'stop the project of this id, wherever it lies' },
    { name: 'all', kind: 'boolean', help: 'stop every stack of this machine' },
  ],
  exclusive: [['project-id', 'all']],
  async run(invocation) {
    const { flags, io } = invocation
    const id = flagText(flags, 'project-id')
    const folders = flagOn(flags, 'all')
      ? runningStacks().map(({ workDir }) => workDir)
      : id === undefined
        ? [workDirOf(invocation)]
        : runningStacks()
            .filter(({ name }) => name === id)
            .map(({ workDir }) => workDir)
    // Each is brought to its end, whatever becomes of the others.
    const outcomes = await Promise.allSettled(folders.map((workDir) => stopFolder(workDir, flagOn(flags, 'no-backup'), io)))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
    io.out('Stopped supabase local development setup.\n')
    return 0
  },
}

async function stopFolder(workDir: string, deleteData: boolean, io: Io): Promise<void> {
  const stateDir = stateDirOf(workDir)
  const run = currentRun(stateDir)
  if (run) await endRun(run)
  await stopOrphan(stateDir, silentLog)
  const database = await clusterOf(stateDir)
  if (formOf(workDir) === 'project' && deleteData) {
    await removeCluster(stateDir)
    rmSync(stateDir, { recursive: true, force: true })
  } else if (existsSync(database)) {
    io.err(
      deleteData
        ? keptOnPurpose(database)
        : `Local data are kept in ${database}.${formOf(workDir) === 'project' ? ' plinth stop --no-backup deletes them.' : ''}\n`,
    )
  }
}

const keptOnPurpose = (database: string): string =>
  `The data of a self-hosted stack are not deleted by stop. They lie in ${database}; remove that folder yourself if you mean it.\n`
