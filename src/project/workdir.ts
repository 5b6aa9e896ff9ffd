// Where a project is: its folder, found from below or named, and its id.
import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

export const CONFIG_FILE = join('supabase', 'config.toml')

export const isProject = (folder: string): boolean => existsSync(join(folder, CONFIG_FILE))

/** The folder that was named, exactly as it is; else the nearest one from `cwd` upward that holds supabase/config.toml, else `cwd`. */
export function findWorkDir(cwd: string, named?: string): string {
  if (named !== undefined && named !== '') return resolve(cwd, named)
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (isProject(folder)) return folder
    if (dirname(folder) === folder) return resolve(cwd)
  }
}

const MAX_ID_LENGTH = 40

/** A valid project id made of any text; a valid one stays as it is. */
export function sanitizeProjectId(text: string): string {
  return text
    .replace(/[^a-zA-Z0-9_.-]+/g, '_')
    .replace(/^[_.-]+/, '')
    .slice(0, MAX_ID_LENGTH)
}

/** The id of a project that names none: its folder's name. */
export function projectIdOf(workDir: string): string {
  return sanitizeProjectId(basename(resolve(workDir))) || 'project'
}
