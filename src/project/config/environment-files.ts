// The .env files of a project: which there are, in which order they count, and the variables that they add to the process environment.
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DotenvError, parseDotenv } from '../../env/dotenv.ts'
import type { Environment } from '../../service/definition.ts'
import type { Folders } from './checks.ts'
import { ConfigError } from './error.ts'

/** Names of the files of one folder, the ones that count most first. Local files are left out of tests: those must not differ by machine. */
export function environmentFileNames(mode: string): string[] {
  return [`.env.${mode}.local`, ...(mode === 'test' ? [] : ['.env.local']), `.env.${mode}`, '.env']
}

/** A variable that is set already is never overwritten: the process comes first, then supabase/, then the project folder. */
export function readEnvironmentFiles(folders: Folders, processEnv: Environment): Environment {
  const env: Record<string, string | undefined> = { ...processEnv }
  const names = environmentFileNames(processEnv['SUPABASE_ENV'] || 'development')
  for (const folder of [folders.supabaseDir, folders.workDir]) {
    for (const name of names) {
      const text = readIfThere(join(folder, name))
      if (text === undefined) continue
      for (const [key, value] of Object.entries(parseFile(text, name, env))) env[key] ??= value
    }
  }
  return env
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined
    throw new ConfigError([`failed to open environment file: ${basename(path)} (${code})`], { cause: error })
  }
}

function parseFile(text: string, name: string, env: Environment): Readonly<Record<string, string>> {
  try {
    return parseDotenv(text, { file: name, env }).values
  } catch (error) {
    if (!(error instanceof DotenvError)) throw error
    throw new ConfigError([`failed to parse environment file: ${name} (${error.problem})`])
  }
}
