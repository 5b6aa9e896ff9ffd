// A database server whose Plinth was killed: found by the state folder of its stack, and stopped.
import type { Logger } from '../../../log/log.ts'
import { exists } from './files.ts'
import { placeCluster } from './place.ts'
import { clearLeftovers } from './postmaster.ts'

/** Stops the server that still runs on the cluster of this state folder, if there is one. The stack itself must not run. */
export async function stopOrphan(stateDir: string, log: Logger): Promise<void> {
  if (!(await exists(stateDir))) return
  const place = await placeCluster({ stateDir, pgdata: undefined })
  if ((await exists(place.dataDir)) && (await exists(place.runDir))) await clearLeftovers(place, log)
}
