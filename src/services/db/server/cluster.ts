// Makes the cluster where there is none, whole or not at all, and says so plainly when what lies there is no cluster for this server.
import { chown, mkdir, readdir, rename, rm, rmdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../../log/log.ts'
import { CLUSTER_MARK } from '../../../service/database.ts'
import { explain } from './explain.ts'
import { exists, readIfThere, writeWhole } from './files.ts'
import type { ServerTree } from './overlay.ts'
import { type ClusterPlace, emptyFolder, MAKING, makeDataDir } from './place.ts'
import { codeOf, DatabaseProblem } from './problem.ts'
import { killAllIn } from './process-table.ts'
import { outcomeOf, spawnServerProgram } from './run.ts'
import { configText, HBA_TEXT } from './settings.ts'

export const SUPERUSER = 'supabase_admin'
/** A new cluster with the stack's schemas takes about 60 MB. */
const NEEDED_BYTES = 80 * 1_048_576

export interface ClusterOptions {
  readonly place: ClusterPlace
  readonly tree: ServerTree
  readonly password: string
  readonly log: Logger
  readonly signal: AbortSignal
}

/** True when a cluster was made. */
export async function ensureCluster(options: ClusterOptions): Promise<boolean> {
  const { place, tree, log } = options
  const { dataDir } = place
  const version = (await readIfThere(join(dataDir, 'PG_VERSION')))?.trim()
  const found: string[] = await readdir(dataDir).catch((error) => {
    if (codeOf(error) === 'ENOENT') return [] as string[]
    throw error
  })
  if (found.includes(MAKING)) {
    log.warn({ folder: dataDir }, 'a start was interrupted while it made the database; it is made anew')
    // The interrupted one's initdb may still be at work; nobody else's can be, as we hold the lock.
    await killAllIn(join(dataDir, MAKING))
    await emptyFolder(dataDir)
  } else if (version !== undefined && (await exists(join(dataDir, 'global', 'pg_control')))) {
    if (Number.parseInt(version, 10) !== tree.major) throw foreignMajor(dataDir, version, tree.major)
    return false
  } else if (found.includes(CLUSTER_MARK)) {
    throw new DatabaseProblem(
      `The database in ${dataDir} is damaged: ${version === undefined ? 'PG_VERSION' : 'global/pg_control'} is gone. Restore the folder from a backup; or, to begin with an empty database, move it away.`,
    )
  } else if (found.length > 0) await setAside(place, log)
  await make(options)
  return true
}

/** A half-made cluster that bears no mark of ours: kept, out of the way, because nobody can say what it is. */
async function setAside({ dataDir, named }: ClusterPlace, log: Logger): Promise<void> {
  if (named)
    throw new DatabaseProblem(
      `${dataDir} holds files, but no Postgres cluster. Set PGDATA to an empty folder or to one that does not exist.`,
    )
  const away = `${dataDir}.incomplete-${new Date().toISOString().replace(/[:.]/g, '-')}`
  await rename(dataDir, away)
  log.warn(
    { folder: dataDir, moved: away },
    'what lay in place of the database is no complete cluster; it was moved aside and a new one is made',
  )
}

function foreignMajor(dataDir: string, version: string, major: number): DatabaseProblem {
  return new DatabaseProblem(
    `The database in ${dataDir} was made by Postgres ${version}, and this Plinth brings Postgres ${major}. Nothing was changed. ` +
      `Either start a Postgres ${version} on that folder and set POSTGRES_HOST to it; or dump it there (pg_dumpall), move the folder away, start Plinth, and restore the dump.`,
  )
}

async function make({ place, tree, password, signal, log }: ClusterOptions): Promise<void> {
  const { dataDir, user } = place
  const draft = join(dataDir, MAKING)
  const fail = (output: string, cause?: unknown) => explain({ doing: `make the database in ${dataDir}`, dataDir, output, cause })
  try {
    await makeDataDir(place)
    const { bavail, bsize } = await statfs(dataDir)
    if (bavail * bsize < NEEDED_BYTES) throw Object.assign(new Error('too little space'), { code: 'ENOSPC' })
    await mkdir(draft, { mode: 0o700 })
    if (user) await chown(draft, user.uid, user.gid)
    const passwordFile = join(place.runDir, 'password')
    await writeWhole(passwordFile, `${password}\n`, 0o600, user)
    try {
      await initdb(place, tree, draft, passwordFile, signal)
    } finally {
      await rm(passwordFile, { force: true })
    }
    await writeConfig(draft, place, {})
    await writeWhole(join(draft, CLUSTER_MARK), `${JSON.stringify({ madeBy: tree.version })}\n`, 0o600, user)
    // What counts is moved last: a cluster with PG_VERSION and without the draft's folder is whole.
    const names = (await readdir(draft)).filter((name) => name !== 'PG_VERSION')
    for (const name of [...names, 'PG_VERSION']) await rename(join(draft, name), join(dataDir, name))
    await rmdir(draft)
    log.info({ folder: dataDir, version: tree.version }, 'database made')
  } catch (error) {
    await emptyFolder(dataDir)
    await rmdir(dataDir).catch(() => {
      // A mount point stays; it is empty.
    })
    if (error instanceof DatabaseProblem || signal.aborted) throw error
    throw await fail(error instanceof InitdbFailed ? error.message : String(error), error)
  }
}

class InitdbFailed extends Error {}

async function initdb(place: ClusterPlace, tree: ServerTree, draft: string, passwordFile: string, signal: AbortSignal): Promise<void> {
  let failure = ''
  // The collation is Postgres' own C.UTF-8, the same on every system; the character type is the C library's, where it has one for Unicode.
  for (const ctype of ['C.UTF-8', 'en_US.UTF-8', 'C']) {
    const child = spawnServerProgram(
      tree,
      'initdb',
      [
        ...['-D', draft, '-U', SUPERUSER, '-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
        ...[`--lc-ctype=${ctype}`, '-A', 'scram-sha-256', '--pwfile', passwordFile, '--no-sync', '--no-instructions'],
      ],
      { user: place.user, cwd: draft, stdin: 'ignore', stdout: 'pipe' },
    )
    const { code, output } = await outcomeOf(child, signal)
    if (code === 0) return
    signal.throwIfAborted()
    failure = output
    if (!/invalid locale name|locale .* requires|locale settings/i.test(output)) break
    await emptyFolder(draft)
  }
  throw new InitdbFailed(failure)
}

/** Called before every start. */
export async function writeConfig(folder: string, place: ClusterPlace, settings: Readonly<Record<string, string>>): Promise<void> {
  await writeWhole(join(folder, 'postgresql.conf'), configText(settings), 0o600, place.user)
  await writeWhole(join(folder, 'pg_hba.conf'), HBA_TEXT, 0o600, place.user)
}
