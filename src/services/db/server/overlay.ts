// The server's tree as it is run: the binaries of the npm package, its libraries and share files by links, and our own extensions among them.
// node_modules is never written to. Made once per version and content, by a rename, so that concurrent makers do not meet.
import { createHash, randomUUID } from 'node:crypto'
import { access, chmod, constants, copyFile, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ADDENDA, TRUSTED_CONTRIB, UNAVAILABLE, unavailableControl, unavailableScript } from '../extensions/unavailable.ts'
import { exists, readIfThere } from './files.ts'
import type { PostgresPackage } from './package.ts'
import { isAlive } from './process-table.ts'
import { canReach, type ServerUser } from './user.ts'

export interface ServerTree {
  readonly bin: string
  readonly major: number
  readonly version: string
}

export interface OverlayOptions {
  readonly source: PostgresPackage
  /** Folder that holds the trees, readable by the server's user. */
  readonly cacheDir: string
  readonly user: ServerUser | undefined
}

const BINARIES = ['initdb', 'pg_ctl', 'postgres'] as const
const extensionsDir = fileURLToPath(new URL('../extensions/', import.meta.url))

export async function serverTree({ source, cacheDir, user }: OverlayOptions): Promise<ServerTree> {
  const ours = await extensionFiles(source)
  // Where the server's user cannot follow a link into node_modules, the files themselves are copied.
  const copied = !canReach(join(source.native, 'lib', 'postgresql'), user) || !(await readableByAll(source.native, user))
  const hash = createHash('sha256').update(`2\n${source.version}\n${copied ? 'copied' : source.native}\n`)
  for (const [name, text] of [...ours].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${name}\n${text.length}\n${text}`)
  const tree = join(cacheDir, `postgres-${source.version}-${hash.digest('hex').slice(0, 12)}`)
  if (!(await isWhole(tree))) {
    await sweep(cacheDir)
    await make(tree, source, ours, copied)
  }
  return { bin: join(tree, 'bin'), major: source.major, version: source.version }
}

/** The files that we put into the server's extension folder, by name: our own extensions, and changes to those that Postgres brings. */
async function extensionFiles({ native }: PostgresPackage): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  const theirs = join(native, 'share', 'postgresql', 'extension')
  for (const name of TRUSTED_CONTRIB) {
    const control = await readIfThere(join(theirs, `${name}.control`))
    if (control !== undefined && !/^\s*trusted\s*=/m.test(control)) files.set(`${name}.control`, `${control.trimEnd()}\ntrusted = true\n`)
  }
  for (const [name, text] of Object.entries(ADDENDA)) {
    const script = await readIfThere(join(theirs, name))
    if (script !== undefined) files.set(name, script + text)
  }
  for (const name of Object.keys(UNAVAILABLE)) {
    files.set(`${name}.control`, unavailableControl(name))
    files.set(`${name}--0.sql`, unavailableScript(name))
  }
  for (const entry of await readdir(extensionsDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    for (const name of await readdir(join(extensionsDir, entry.name))) {
      if (/\.(control|sql)$/.test(name)) files.set(name, await readFile(join(extensionsDir, entry.name, name), 'utf8'))
    }
  }
  return files
}

async function readableByAll(native: string, user: ServerUser | undefined): Promise<boolean> {
  if (!user) return true
  const { mode } = await stat(join(native, 'share', 'postgresql', 'postgres.bki'))
  return (mode & 0o004) !== 0
}

/** Links may lead nowhere after the checkout was moved or reinstalled: one of each kind is tried. */
async function isWhole(tree: string): Promise<boolean> {
  if (!(await exists(tree))) return false
  try {
    for (const path of [
      'bin/postgres',
      'lib/postgresql/plpgsql.so',
      'share/postgresql/postgres.bki',
      'share/postgresql/extension/plpgsql.control',
    ]) {
      await access(join(tree, path), constants.R_OK)
    }
    return true
  } catch {
    // Whatever is wrong with it, a new tree mends it.
    return false
  }
}

/** Removes trees that cannot run any more, as the package they link to is gone, and drafts of makers that died. */
async function sweep(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    const path = join(cacheDir, name)
    const maker = /^postgres-.*\.(\d+)\.[0-9a-f]{8}(\.old)?$/.exec(name)?.[1]
    const useless = maker ? !isAlive(Number(maker)) : name.startsWith('postgres-') && !(await isWhole(path))
    if (useless) await rm(path, { recursive: true, force: true })
  }
}

async function make(tree: string, source: PostgresPackage, ours: ReadonlyMap<string, string>, copied: boolean): Promise<void> {
  await mkdir(dirname(tree), { recursive: true, mode: 0o755 })
  const draft = `${tree}.${process.pid}.${randomUUID().slice(0, 8)}`
  try {
    await openFolder(draft)
    await openFolder(join(draft, 'bin'))
    for (const name of BINARIES) {
      await copyFile(join(source.native, 'bin', name), join(draft, 'bin', name), constants.COPYFILE_FICLONE)
      await chmod(join(draft, 'bin', name), 0o755)
    }
    await libraries(join(source.native, 'lib'), join(draft, 'lib'), source.links, copied)
    await shares(join(source.native, 'share', 'postgresql'), join(draft, 'share', 'postgresql'), ours, copied)
    await putInPlace(draft, tree)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

async function libraries(from: string, to: string, links: ReadonlyMap<string, string>, copied: boolean): Promise<void> {
  await openFolder(to)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    // Archives for compilers are of no use to a server; links are made anew from the package's own list.
    if (entry.name.endsWith('.a') || entry.name === 'pkgconfig' || links.has(entry.name)) continue
    await place(join(from, entry.name), join(to, entry.name), copied)
  }
  for (const [name, file] of links) await symlink(file, join(to, name))
}

async function shares(from: string, to: string, ours: ReadonlyMap<string, string>, copied: boolean): Promise<void> {
  await openFolder(dirname(to))
  await openFolder(to)
  for (const name of await readdir(from)) {
    if (name !== 'extension') await place(join(from, name), join(to, name), copied)
  }
  await openFolder(join(to, 'extension'))
  for (const name of await readdir(join(from, 'extension'))) {
    if (!ours.has(name)) await place(join(from, 'extension', name), join(to, 'extension', name), copied)
  }
  for (const [name, text] of ours) {
    await writeFile(join(to, 'extension', name), text)
    await chmod(join(to, 'extension', name), 0o644)
  }
}

async function place(from: string, to: string, copied: boolean): Promise<void> {
  if (!copied) return symlink(from, to)
  await cp(from, to, { recursive: true, dereference: true, mode: constants.COPYFILE_FICLONE, filter: (path) => !path.endsWith('/pgxs') })
  await openAll(to)
}

/** Whatever the umask of npm or of ours was, the server's user has to read these. */
async function openAll(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return []
    throw error
  })
  await chmod(path, 0o755)
  for (const entry of entries) await chmod(join(entry.parentPath, entry.name), 0o755)
}

async function openFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o755, recursive: true })
  await chmod(path, 0o755)
}

async function putInPlace(draft: string, tree: string): Promise<void> {
  try {
    return await rename(draft, tree)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  if (!(await isWhole(tree))) {
    const old = `${draft}.old`
    await rename(tree, old)
    await rename(draft, tree)
    await rm(old, { recursive: true, force: true })
  } else {
    // Somebody else was quicker with the same tree.
    await rm(draft, { recursive: true, force: true })
  }
}
