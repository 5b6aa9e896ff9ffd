// What every way in is given: a function from these to one stack description.
import type { z } from 'zod'
import type { Environment } from '../../service/definition.ts'
import type { SchemaMigrations } from '../../service/migrations.ts'
import type { StackDescription } from '../description.ts'

export interface SourceOptions {
  readonly workDir: string
  /** The process environment. */
  readonly env: Environment
  /** Services to leave out, by the names of the upstream program (`gotrue`, `storage-api`, ...). */
  readonly exclude: readonly string[]
  /** Kinds of service that exist in this program, with the schema of their variables. */
  readonly schemas: ReadonlyMap<string, z.ZodObject>
  /** Schemas that user migrations rest on, in the order in which they are migrated. */
  readonly migrations: readonly SchemaMigrations[]
  /** One line for people: what was generated, chosen or ignored. */
  readonly report: (line: string) => void
}

export type DescribeStack = (options: SourceOptions) => Promise<StackDescription>
