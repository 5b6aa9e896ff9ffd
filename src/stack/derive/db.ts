// The variables of db, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { given, type StackSettings } from './settings.ts'

export interface DbPlace {
  /** Undefined for the embedded server. */
  readonly host: string | undefined
  readonly listen: string
  readonly stateDir: string
  /** Folder of the cluster, where it is not to be the one in the state folder. */
  readonly dataDir?: string | undefined
}

export const deriveDb = ({ database, jwtSecret, jwtExpiry }: StackSettings, place: DbPlace): Environment =>
  given({
    POSTGRES_HOST: place.host,
    POSTGRES_PORT: String(database.port),
    POSTGRES_DB: database.name,
    POSTGRES_PASSWORD: database.password,
    PGSSLMODE: database.sslMode,
    JWT_SECRET: jwtSecret,
    JWT_EXP: String(jwtExpiry),
    PGDATA: place.dataDir,
    PLINTH_STATE_DIR: place.stateDir,
    PLINTH_DB_LISTEN: place.listen,
  })
