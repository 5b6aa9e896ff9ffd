// `serve --config-dir`: the `*.env` files of a folder, in the order of their names, over the environment; and word when one of them changes.
import { readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { parseDotenv } from '../env/dotenv.ts'
import type { Environment } from '../service/definition.ts'

/** Later files win over earlier ones. Throws for a folder or a file that cannot be read. */
export function readConfigDir(folder: string, env: Environment): Environment {
  const merged: Record<string, string | undefined> = { ...env }
  for (const file of envFiles(folder))
    for (const { name, value } of parseDotenv(readFileSync(join(folder, file), 'utf8'), { file, env: merged }).entries) merged[name] = value
  return merged
}

const envFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.env'))
    .sort()

/** What the files look like from outside: another text when one was written, added or removed. */
function stateOf(folder: string): string {
  try {
    return envFiles(folder)
      .map((name) => {
        const { mtimeMs, size, ino } = statSync(join(folder, name))
        return `${name} ${mtimeMs} ${size} ${ino}`
      })
      .join('\n')
  } catch {
    return '' // the folder is being changed; the next look finds it
  }
}

export interface WatchOptions {
  /** Ask the system to tell. */
  readonly notify: boolean
  /** Look by itself as well: for file systems that tell nobody. */
  readonly pollMs: number | undefined
  /** How long the files must have been quiet. */
  readonly graceMs: number
}

/** Calls `onChange` once after each burst of changes, until it is disposed of. */
export function watchConfigDir(folder: string, { notify, pollMs, graceMs }: WatchOptions, onChange: () => void): Disposable {
  let seen = stateOf(folder)
  let quiet: NodeJS.Timeout | undefined
  const look = () => {
    const now = stateOf(folder)
    if (now === seen) return
    seen = now
    clearTimeout(quiet)
    quiet = setTimeout(onChange, graceMs)
  }
  const watcher = notify ? watch(folder, look).on('error', () => undefined) : undefined
  const poller = pollMs === undefined ? undefined : setInterval(look, pollMs)
  return {
    [Symbol.dispose]() {
      watcher?.close()
      clearInterval(poller)
      clearTimeout(quiet)
    },
  }
}
