// Reads one service's variables by its schema: `X` or the file that `X_FILE` names, every problem of every variable in one error.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Environment } from '../service/definition.ts'

export interface EnvProblem {
  readonly name: string
  readonly expected: string
  /** Where the value was read from: `the environment`, `.env`, a file. */
  readonly origin?: string
}

/** Names every wrong or missing variable and how to mend it; never shows a value. */
export class EnvError extends Error {
  readonly problems: readonly EnvProblem[]
  constructor(problems: readonly EnvProblem[]) {
    const lines = problems.map(({ name, expected, origin }) => `  ${name}: ${expected}${origin ? ` (read from ${origin})` : ''}`)
    super(`${problems.length} variable${problems.length === 1 ? '' : 's'} to mend:\n${lines.join('\n')}`)
    this.name = 'EnvError'
    this.problems = problems
  }
}

export type OriginOf = (name: string) => string | undefined

export interface ReadResult<Values> {
  /** Present when nothing is to mend. */
  readonly values?: Values
  readonly problems: readonly EnvProblem[]
}

/**
 * Validates `source` against a zod object of variables. An empty variable counts as absent, except for those that the schema's meta
 * lists in `keepEmpty`. A schema with a catchall gets every other variable as it is. Throws EnvError.
 */
export function readEnv<Schema extends z.ZodObject>(schema: Schema, source: Environment, originOf?: OriginOf): z.output<Schema> {
  const { values, problems } = checkEnv(schema, source, originOf)
  if (values === undefined) throw new EnvError(problems)
  return values
}

/** The same for callers that gather the problems of several services before they speak. */
export function checkEnv<Schema extends z.ZodObject>(
  schema: Schema,
  source: Environment,
  originOf?: OriginOf,
): ReadResult<z.output<Schema>> {
  const problems: EnvProblem[] = []
  const values: Record<string, string> = {}
  const at = (name: string): { origin?: string } => {
    const origin = originOf?.(name)
    return origin === undefined ? {} : { origin }
  }
  const { keepEmpty = [] } = (schema.meta() ?? {}) as { keepEmpty?: readonly string[] }
  for (const name of Object.keys(schema.shape)) {
    const value = source[name]
    const file = source[`${name}_FILE`]
    if (value && file && !(`${name}_FILE` in schema.shape)) {
      problems.push({ name, expected: `set either ${name} or ${name}_FILE, not both`, ...at(name) })
    } else if (file && !(`${name}_FILE` in schema.shape)) {
      try {
        values[name] = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
      } catch (error) {
        problems.push({
          name: `${name}_FILE`,
          expected: `a readable file (${(error as NodeJS.ErrnoException).code})`,
          ...at(`${name}_FILE`),
        })
      }
    } else if (value !== undefined && (value !== '' || keepEmpty.includes(name))) values[name] = value
  }
  if (schema.def.catchall && !(schema.def.catchall instanceof z.ZodNever))
    for (const [name, value] of Object.entries(source)) if (value !== undefined && !(name in schema.shape)) values[name] = value
  const parsed = schema.safeParse(values)
  if (parsed.success && problems.length === 0) return { values: parsed.data, problems }
  const named = new Set(problems.map(({ name }) => name.replace(/_FILE$/, '')))
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? 'environment')
    if (named.has(name)) continue
    const missing = !(name in values) && issue.code === 'invalid_type'
    problems.push({
      name,
      expected: missing ? 'required, but not set' : `expected ${issue.message}`.replace('expected Expected', 'expected'),
      ...(missing ? {} : at(name)),
    })
  }
  return { problems }
}
