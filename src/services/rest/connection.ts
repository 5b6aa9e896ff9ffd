// How REST connects: PGRST_DB_URI with the gaps filled from PG* variables, and a name by which the server's lists show it.
import { EnvError } from '../../env/read.ts'
import { type ConnectionOptions, parseConnection } from '../../pg/connection-options.ts'
import { VERSION } from './config.ts'
import type { RestEnv } from './env.ts'

/** `uri` is that of `databaseUriOf`, which standard input gives only once. Throws EnvError. */
export function connectionOf(env: RestEnv, uri: string): ConnectionOptions {
  try {
    const options = parseConnection(uri, env as unknown as Readonly<Record<string, string | undefined>>)
    return { ...options, parameters: { application_name: `PostgREST ${VERSION}`, ...options.parameters } }
  } catch (error) {
    throw new EnvError([{ name: 'PGRST_DB_URI', expected: (error as Error).message }])
  }
}
