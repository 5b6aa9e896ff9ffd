// The embedded server from nothing to ready and back: lock, tree, cluster, process, and the right password for its superuser.
import pg from 'pg'
import type { Logger } from '../../../log/log.ts'
import { ensureCluster, SUPERUSER, writeConfig } from './cluster.ts'
import { explain } from './explain.ts'
import { type Lock, takeLock } from './lock.ts'
import { serverTree } from './overlay.ts'
import { postgresPackage } from './package.ts'
import { type ClusterPlace, leaveFolders, makeFolders, placeCluster, recordPlace, removeCluster, removeData } from './place.ts'
import { type Postmaster, startPostmaster } from './postmaster.ts'
import { codeOf, DatabaseProblem } from './problem.ts'
import { verifierOf } from './scram.ts'
import { setSuperuserPassword } from './single-user.ts'

/** Of making the folder of the lock and taking it. */
const LOCK_ATTEMPTS = 5

export interface EmbeddedOptions {
  readonly stateDir: string | undefined
  readonly pgdata: string | undefined
  readonly listen: string
  readonly port: number
  readonly password: string
  readonly settings: Readonly<Record<string, string>>
  readonly log: Logger
  readonly signal: AbortSignal
  /** Called with the place before the server starts: files that it reads go there. */
  readonly furnish?: (place: ClusterPlace) => Promise<void>
  /** For tests. */
  readonly rootHome?: string
}

export interface EmbeddedServer {
  readonly place: ClusterPlace
  readonly postmaster: Postmaster
  /** True when this start made the cluster. */
  readonly fresh: boolean
  /** A connection of the superuser through the private socket. */
  connect(database: string, applicationName?: string): Promise<pg.Client>
  /** The same as another role, which has the password of POSTGRES_PASSWORD. */
  connectAs(user: string, database: string, applicationName: string): Promise<pg.Client>
  stop(): Promise<void>
}

export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const place = await placeCluster(options)
  try {
    return await startIn(place, options)
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')) throw error
    throw await explain({ doing: 'start the database', dataDir: place.dataDir, output: '', cause: error })
  }
}

async function startIn(place: ClusterPlace, options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { log, signal, password, port } = options
  const lock = await lockIn(place, options)
  let postmaster: Postmaster | undefined
  let made = false
  try {
    const tree = await serverTree({ source: postgresPackage(), cacheDir: place.cacheDir, user: place.user })
    signal.throwIfAborted()
    made = await ensureCluster({ place, tree, password, log, signal })
    if (options.stateDir) await recordPlace(options.stateDir, place.dataDir)
    await writeConfig(place.dataDir, place, options.settings)
    await options.furnish?.(place)
    const start = () => startPostmaster({ place, tree, listen: options.listen, port, log, signal })
    postmaster = await start()
    if (!made && !(await passwordFits(place, options))) {
      log.info('POSTGRES_PASSWORD has changed; the roles of the database get the new one')
      await postmaster.stop()
      await setSuperuserPassword(place, tree, SUPERUSER, await verifierOf(password))
      postmaster = await start()
    }
    return serving(options, place, postmaster, lock, made)
  } catch (error) {
    await postmaster?.stop()
    // Nobody has used it yet, and a first start that fails leaves nothing.
    if (made) await (options.stateDir ? removeCluster(options.stateDir) : removeData(place.dataDir))
    await leaveFolders(place, 'cluster', options.rootHome)
    await unlock(place, lock)
    throw error
  }
}

/** Whoever stops takes the folder of the lock away, perhaps between its making here and its use. */
async function lockIn(place: ClusterPlace, { rootHome }: EmbeddedOptions): Promise<Lock> {
  for (let attempt = 1; ; attempt++) {
    await makeFolders(place, rootHome)
    try {
      return await takeLock(place.runDir, place.dataDir)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === LOCK_ATTEMPTS) throw error
    }
  }
}

async function unlock(place: ClusterPlace, lock: Lock): Promise<void> {
  await lock.release()
  await leaveFolders(place, 'socket')
}

function serving(options: EmbeddedOptions, place: ClusterPlace, postmaster: Postmaster, lock: Lock, fresh: boolean): EmbeddedServer {
  return {
    place,
    postmaster,
    fresh,
    connect: (database, applicationName) => connect(place, options, database, { applicationName }),
    connectAs: (user, database, applicationName) => connect(place, options, database, { user, applicationName }),
    async stop() {
      await postmaster.stop()
      await unlock(place, lock)
    },
  }
}

interface Login {
  readonly user?: string
  readonly applicationName?: string | undefined
}

async function connect(place: ClusterPlace, { port, password }: EmbeddedOptions, database: string, login: Login = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: place.runDir,
    port,
    user: login.user ?? SUPERUSER,
    password,
    database,
    application_name: login.applicationName ?? 'plinth db',
    connectionTimeoutMillis: 10_000,
  })
  // A connection that breaks between two queries says so at the next one.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function passwordFits(place: ClusterPlace, options: EmbeddedOptions): Promise<boolean> {
  try {
    await (await connect(place, options, 'template1')).end()
    return true
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === '28P01') return false
    if (code === '28000')
      throw new DatabaseProblem(`The database in ${place.dataDir} has no superuser ${SUPERUSER}: it was not made by this stack.`, {
        cause: error,
      })
    throw error
  }
}
