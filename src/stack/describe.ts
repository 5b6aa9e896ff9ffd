// From a folder to its stack description: which of the ways in applies, and what every one of them is given.
import type { z } from 'zod'
import type { StackDescription } from './description.ts'
import { kinds, loadKind } from './kinds.ts'
import { nearDatabase } from './near-database.ts'
import { schemaMigrations } from './schema-migrations.ts'
import { describeSelfHosted } from './sources/dotenv.ts'
import { describeProject } from './sources/project.ts'
import type { SourceOptions } from './sources/source.ts'
import { formOf } from './state-dir.ts'

export async function describeStack(options: Pick<SourceOptions, 'workDir' | 'env' | 'exclude' | 'report'>): Promise<StackDescription> {
  const definitions = await Promise.all(Object.keys(kinds).map(loadKind))
  const schemas = new Map(definitions.map((definition) => [definition.name, definition.env as z.ZodObject]))
  const source: SourceOptions = { ...options, schemas, migrations: schemaMigrations }
  const description = await (formOf(options.workDir) === 'project' ? describeProject(source) : describeSelfHosted(source))
  return { ...description, nodes: await nearDatabase(description.nodes) }
}
