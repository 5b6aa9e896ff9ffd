// How REST connects: PGRST_DB_URI with the gaps filled from PG* variables, and a name by which the server's lists show it.
import { EnvError } from '../../env/read.ts'
import { type ConnectionOptions, parseConnection } from '../../pg/connection-options.ts'
import { databaseUriOf, VERSION } from './config.ts'
import type { RestEnv } from './env.ts'

/** Throws EnvError. */
export function connectionOf(env: RestEnv): ConnectionOptions {
  try {
    const options = parseConnection(databaseUriOf(env), env as unknown as Readonly<Record<string, string | undefined>>)
    return { ...options, parameters: { application_name: `PostgREST ${VERSION}`, ...options.parameters } }
  } catch (error) {
    if (error instanceof EnvError) throw error
    throw new EnvError([{ name: 'PGRST_DB_URI', expected: (error as Error).message }])
  }
}
