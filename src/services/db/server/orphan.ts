// A database server whose Plinth was killed: found by the state folder of its stack, and stopped.
import type { Logger } from '../../../log/log.ts'
import { exists } from './files.ts'
import { type Lock, takeLock } from './lock.ts'
import { placeCluster } from './place.ts'
import { clearLeftovers } from './postmaster.ts'
import { codeOf, DatabaseProblem } from './problem.ts'

/** Stops the server that still runs on the cluster of this state folder, if there is one and no Plinth looks after it. */
export async function stopOrphan(stateDir: string, log: Logger): Promise<void> {
  if (!(await exists(stateDir))) return
  const place = await placeCluster({ stateDir, pgdata: undefined })
  if (!(await exists(place.dataDir)) || !(await exists(place.runDir))) return
  let lock: Lock
  try {
    lock = await takeLock(place.runDir, place.dataDir)
  } catch (error) {
    // Somebody's, or stopped this very moment: no orphan.
    if (error instanceof DatabaseProblem || codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    await clearLeftovers(place, log)
  } finally {
    await lock.release()
  }
}
