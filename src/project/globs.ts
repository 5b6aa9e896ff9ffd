// Patterns of config.toml (`./seeds/*.sql`) turned into files, in an order that is the same on every machine.
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import picomatch from 'picomatch'

export interface Matches {
  /** Files relative to the project folder, in the order of the patterns; the matches of one pattern sorted; no file twice. */
  readonly files: readonly string[]
  /** Patterns that match nothing, relative to the project folder. */
  readonly unmatched: readonly string[]
}

/** Patterns are relative to supabase/; a folder stands for the SQL files directly in it when `folders` is set. */
export function matchFiles(workDir: string, patterns: readonly string[], { folders = false }: { folders?: boolean } = {}): Matches {
  const files = new Set<string>()
  const unmatched: string[] = []
  for (const pattern of patterns) {
    const path = posix.isAbsolute(pattern) ? pattern : posix.join('supabase', pattern)
    const isFolder = folders && isDirectory(toAbsolute(workDir, path))
    const found = expand(workDir, isFolder ? posix.join(path, '*.sql') : path)
    if (found.length === 0) unmatched.push(path)
    for (const file of found) files.add(file)
  }
  return { files: [...files], unmatched }
}

const toAbsolute = (workDir: string, path: string): string => (posix.isAbsolute(path) ? path : join(workDir, path))

function expand(workDir: string, pattern: string): string[] {
  const { base, glob, isGlob } = picomatch.scan(pattern)
  if (!isGlob) return isFile(toAbsolute(workDir, pattern)) ? [pattern] : []
  const matches = picomatch(glob, { dot: true })
  const depth = glob.includes('**') ? MAX_DEPTH : glob.split('/').length
  return [...walk(toAbsolute(workDir, base || '.'), '', depth)]
    .filter((path) => matches(path))
    .map((path) => (base === '' ? path : posix.join(base, path)))
    .sort()
}

/** Deeper than any tree of seeds; keeps a link that leads upward from going on for ever. */
const MAX_DEPTH = 16

function* walk(folder: string, prefix: string, depth: number): Generator<string> {
  for (const entry of entriesOf(folder)) {
    const path = prefix + entry.name
    const below = join(folder, entry.name)
    const directory = entry.isDirectory() || (entry.isSymbolicLink() && isDirectory(below))
    if (!directory) yield path
    else if (depth > 1 && entry.name !== 'node_modules') yield* walk(below, `${path}/`, depth - 1)
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // A folder that is not there holds no match; the caller says so for the pattern.
    return []
  }
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
