// Where the cluster of a stack lies, and what lies beside it: decided once, recorded in `.plinth/state.json`, and found there ever after.
import { createHash } from 'node:crypto'
import { chown, lstat, mkdir, readdir, realpath, rm, rmdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { CLUSTER_MARK } from '../../../service/database.ts'
import { exists, privateFolder, readIfThere, writeWhole } from './files.ts'
import { codeOf, DatabaseProblem } from './problem.ts'
import { processesIn, worksIn } from './process-table.ts'
import { canReach, type ServerUser, serverUser } from './user.ts'

/** Home of clusters, sockets and server trees of a Plinth that runs as root. */
export const ROOT_HOME = '/var/lib/plinth'
/** Where a cluster lies while it is being made. */
export const MAKING = '.making'
/** A socket's whole path has room for 107 bytes, of which Postgres' own name takes 20 at most. */
const LONGEST_RUN_DIR = 80

export interface ClusterPlace {
  readonly dataDir: string
  /** Folder of the socket, which only the server's user (and root) can enter. */
  readonly runDir: string
  readonly cacheDir: string
  /** Whom the server runs as; undefined for ourselves. */
  readonly user: ServerUser | undefined
  /** True when PGDATA named the folder: nothing but a cluster of ours or an empty folder is touched there. */
  readonly named: boolean
}

export interface PlaceOptions {
  readonly stateDir: string | undefined
  readonly pgdata: string | undefined
  /** For tests. */
  readonly rootHome?: string
}

interface State {
  database?: { dataDir?: string }
  [other: string]: unknown
}

/** Folder of the cluster that belongs to a state folder: the recorded one, else where an unrecorded one would lie by default. */
export async function clusterOf(stateDir: string): Promise<string> {
  return (await readState(stateDir)).database?.dataDir ?? join(resolve(stateDir), 'db')
}

export async function placeCluster(options: PlaceOptions): Promise<ClusterPlace> {
  const home = options.rootHome ?? ROOT_HOME
  const asRoot = serverUser()
  const dataDir = await chooseDataDir(options, asRoot, home)
  // A cluster that an ordinary user made stays that user's when root starts it.
  const user = asRoot && ((await ownerOf(dataDir)) ?? asRoot)
  if (!canReach(dirname(dataDir), user)) {
    throw new DatabaseProblem(
      `The database lies in ${dataDir}, which the server's user (uid ${user?.uid}) cannot reach: Postgres does not run as root. ` +
        (options.pgdata
          ? 'Set PGDATA to a folder below ones that everybody may pass through (mode o+x).'
          : 'Start Plinth as the user who made it.'),
    )
  }
  // By the data alone: whoever starts the same cluster meets at the same lock.
  const key = hashOf(dataDir)
  const shortest = join(tmpdir(), `plinth-${process.getuid?.() ?? 0}-${key.slice(0, 8)}`)
  const stateDir = options.stateDir && (await realDir(resolve(options.stateDir)))
  const beside = stateDir && dirname(dataDir) === stateDir ? join(stateDir, 'run') : shortest
  return {
    dataDir,
    runDir: asRoot ? join(home, 'run', `${key}-${user?.uid}`) : beside.length > LONGEST_RUN_DIR ? shortest : beside,
    cacheDir: asRoot ? join(home, 'server') : options.stateDir ? join(resolve(options.stateDir), 'server') : join(shortest, 'server'),
    user,
    named: options.pgdata !== undefined,
  }
}

async function chooseDataDir({ stateDir, pgdata }: PlaceOptions, asRoot: ServerUser | undefined, home: string): Promise<string> {
  if (pgdata) return realDir(resolve(pgdata))
  if (!stateDir) throw new DatabaseProblem('Nothing says where the database is to lie. Set PGDATA to a folder.')
  const recorded = (await readState(stateDir)).database?.dataDir
  // state.json lies where others may have written it: only a folder that bears our mark is believed.
  if (recorded && (await exists(join(recorded, CLUSTER_MARK)))) return recorded
  const inState = join(await realDir(resolve(stateDir)), 'db')
  const owner = asRoot && ((await ownerOf(inState)) ?? asRoot)
  if (canReach(inState, owner)) return inState
  return join(home, hashOf(await realDir(dirname(resolve(stateDir)))), 'db')
}

/** Owner of a cluster that exists, unless it is root. */
async function ownerOf(dataDir: string): Promise<ServerUser | undefined> {
  try {
    const { uid, gid } = await stat(join(dataDir, 'PG_VERSION'))
    return uid === 0 ? undefined : { uid, gid }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** The folder's path without links, as the server will see it; its last parts may be missing yet. */
async function realDir(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return join(await realDir(dirname(path)), basename(path))
  }
}

const hashOf = (path: string): string => createHash('sha256').update(path).digest('hex').slice(0, 16)

/** Makes the folders around the cluster; the cluster's own is made with it. */
export async function makeFolders(place: ClusterPlace, rootHome = ROOT_HOME): Promise<void> {
  if (place.user && dirname(dirname(place.dataDir)) === rootHome) {
    await mkdir(rootHome, { recursive: true, mode: 0o755 })
    await privateFolder(dirname(place.dataDir), place.user)
  } else await mkdir(dirname(place.dataDir), { recursive: true })
  await mkdir(dirname(place.runDir), { recursive: true, mode: 0o755 })
  await privateFolder(place.runDir, place.user)
}

/** Removes what `makeFolders` has made and nobody uses: before the lock is given back the cluster's, afterwards the socket's. */
export async function leaveFolders(place: ClusterPlace, which: 'cluster' | 'socket', rootHome = ROOT_HOME): Promise<void> {
  if (which === 'socket') await rmdirIfEmpty(place.runDir)
  else if (place.user && dirname(dirname(place.dataDir)) === rootHome) await rmdirIfEmpty(dirname(place.dataDir))
}

/** A mount point stays, empty; a folder with something else in it is not ours to delete. */
async function rmdirIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error) => {
    if (!['ENOENT', 'EBUSY', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error
  })
}

/** Makes an empty folder for a cluster, owned by the server's user. */
export async function makeDataDir({ dataDir, user }: ClusterPlace): Promise<void> {
  await mkdir(dataDir, { mode: 0o700 }).catch((error) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
  if (user) await chown(dataDir, user.uid, user.gid)
}

export async function recordPlace(stateDir: string, dataDir: string): Promise<void> {
  const state = await readState(stateDir)
  if (state.database?.dataDir === dataDir) return
  await mkdir(stateDir, { recursive: true })
  await writeState(stateDir, { ...state, database: { ...state.database, dataDir } })
}

/** Deletes the cluster of a state folder, wherever it was recorded to lie. The server must have been stopped. */
export async function removeCluster(stateDir: string): Promise<void> {
  await removeData(await clusterOf(stateDir))
  await forget(stateDir)
}

/** Deletes one cluster that Plinth has made. */
export async function removeData(dataDir: string): Promise<void> {
  if (!(await exists(dataDir))) return
  const postmaster = Number((await readIfThere(join(dataDir, 'postmaster.pid')))?.split('\n')[0])
  if ((postmaster && (await worksIn(postmaster, dataDir))) || (await processesIn(dataDir)).length > 0) {
    throw new DatabaseProblem(`The database in ${dataDir} is running. Stop it before its data is removed.`)
  }
  if (!(await exists(join(dataDir, CLUSTER_MARK))) && !(await exists(join(dataDir, MAKING))) && (await readdir(dataDir)).length > 0) {
    throw new DatabaseProblem(`${dataDir} was not made by Plinth, so Plinth does not delete it.`)
  }
  const { uid } = await stat(dataDir)
  await emptyFolder(dataDir)
  const around = dirname(dirname(dataDir)) === ROOT_HOME ? [dataDir, dirname(dataDir)] : [dataDir]
  for (const folder of [...around, join(ROOT_HOME, 'run', `${hashOf(dataDir)}-${uid}`)]) await rmdirIfEmpty(folder)
}

async function forget(stateDir: string): Promise<void> {
  const { database: _, ...rest } = await readState(stateDir)
  if (await exists(join(stateDir, 'state.json'))) await writeState(stateDir, rest)
}

export async function emptyFolder(path: string): Promise<void> {
  let names: string[]
  try {
    if (!(await lstat(path)).isDirectory()) throw new DatabaseProblem(`${path} is no folder.`)
    names = await readdir(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  await Promise.all(names.map((name) => rm(join(path, name), { recursive: true, force: true })))
}

async function readState(stateDir: string): Promise<State> {
  const text = await readIfThere(join(stateDir, 'state.json'))
  if (text === undefined) return {}
  try {
    return JSON.parse(text) as State
  } catch (error) {
    throw new DatabaseProblem(
      `${join(stateDir, 'state.json')} is no JSON any more. Mend it, or remove it if the database lies in ${join(stateDir, 'db')}.`,
      {
        cause: error,
      },
    )
  }
}

async function writeState(stateDir: string, state: State): Promise<void> {
  await writeWhole(join(stateDir, 'state.json'), `${JSON.stringify(state, null, 2)}\n`, 0o644)
}
