// The database as the stack sees it: the running service `db` and what only it can say and do.
import type { RunningService } from './definition.ts'

/** A file in every cluster that Plinth has made. A folder without it holds somebody else's data: never to be deleted. */
export const CLUSTER_MARK = 'plinth.json'

export interface DatabaseService extends RunningService {
  /** True when the cluster was made by this start (never for a server elsewhere that was bootstrapped before). */
  readonly fresh: boolean
  /** Superuser (supabase_admin) connection string for the database of the stack; elsewhere the most powerful login that was given. */
  readonly adminUrl: string
  /** Folder of the cluster; undefined for a server elsewhere. */
  readonly dataDir: string | undefined
  /** Deletes the cluster. Only after `stop()`; a server elsewhere refuses. */
  remove(): Promise<void>
}
