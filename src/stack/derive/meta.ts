// The variables of meta, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { given, type StackSettings } from './settings.ts'

export const deriveMeta = ({ database }: StackSettings, cryptoKey: string): Environment =>
  given({
    PG_META_PORT: '8080',
    PG_META_DB_HOST: database.host,
    PG_META_DB_PORT: String(database.port),
    PG_META_DB_NAME: database.name,
    PG_META_DB_USER: 'postgres',
    PG_META_DB_PASSWORD: database.password,
    CRYPTO_KEY: cryptoKey,
  })
