// Which folder a command works in.
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

export const configPath = (workDir: string): string => join(workDir, 'supabase', 'config.toml')
export const isProject = (workDir: string): boolean => existsSync(configPath(workDir))

/** `--workdir` as given; else the nearest folder (this one included) that holds supabase/config.toml; else this one. */
export function findWorkDir(cwd: string, given: string | undefined): string {
  if (given !== undefined && given !== '') return resolve(cwd, given)
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    if (isProject(dir)) return dir
    if (dirname(dir) === dir) return resolve(cwd)
  }
}

export const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
