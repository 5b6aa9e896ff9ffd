// Ports that nobody chose: free when the stack was first started, and the same ever after, so that URLs survive a restart.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, isFree } from './ports.ts'

/** The port kept for `use` in the state folder, if it is still free and not among `taken`; else a free one, kept from now on. */
export async function keptPort(stateDir: string, use: string, taken: ReadonlySet<number> = new Set()): Promise<number> {
  const file = join(stateDir, 'ports.json')
  const kept = read(file)
  const before = kept[use]
  if (before !== undefined && !taken.has(before) && (await isFree('127.0.0.1', before))) return before
  const port = await freePort(new Set([...taken, ...Object.values(kept)]))
  mkdirSync(stateDir, { recursive: true })
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify({ ...read(file), [use]: port })}\n`)
  renameSync(`${file}.${process.pid}`, file)
  return port
}

function read(file: string): Record<string, number> {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof kept === 'object' && kept !== null ? (kept as Record<string, number>) : {}
  } catch {
    return {} // none yet, or spoilt: new ones are as good
  }
}
