// `supabase db query`: runs SQL on the local database and prints what comes back.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Client, FieldDef } from 'pg'
import { StatementError } from '../project/pipeline.ts'
import { CliError, type Command, flagText, type Invocation } from './command.ts'
import { exclusiveTargets, targetFlags, withTarget } from './project-link.ts'
import { csv, jsonRows, type ResultTable, textTable } from './result-output.ts'

export const dbQuery: Command = {
  name: 'db query',
  summary: 'Run SQL from an argument, a file or stdin',
  args: '[SQL]',
  maxArgs: 1,
  flags: [...targetFlags, { name: 'file', short: 'f', kind: 'string', value: 'FILE', help: 'file with the SQL' }],
  exclusive: [exclusiveTargets],
  async run(invocation) {
    const { flags, io } = invocation
    const format = flagText(flags, 'output') ?? 'table'
    const print = FORMATS[format === 'pretty' ? 'table' : format]
    if (!print) throw new CliError(`invalid argument "${format}" for "--output" flag: must be one of [ table | json | csv ]`)
    const sql = await sqlOf(invocation)
    if (sql.trim() === '') throw new CliError('No SQL was given.', { suggestion: 'Give it as an argument, by --file FILE, or on stdin.' })
    const results = await withTarget(quiet(invocation), { localByDefault: true }, ({ client }) => query(client, sql))
    for (const result of results) io.out(result.fields.length > 0 ? print(result) : `${result.tag}\n`)
    return 0
  },
}

const FORMATS: Readonly<Record<string, (table: ResultTable) => string>> = { table: textTable, json: jsonRows, csv }

// A query is one step in a script: it says nothing but its answer and its errors.
function quiet(invocation: Invocation): Invocation {
  return { ...invocation, io: { ...invocation.io, err: (text) => (text.startsWith('Connecting') ? undefined : invocation.io.err(text)) } }
}

async function sqlOf({ args, flags, cwd, io }: Invocation): Promise<string> {
  if (args[0] !== undefined) return args[0]
  const file = flagText(flags, 'file')
  if (file === undefined || file === '-') return io.readInput()
  try {
    return readFileSync(resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new CliError(`failed to read ${file}: ${(error as NodeJS.ErrnoException).code}`, { cause: error })
  }
}

interface QueryResult extends ResultTable {
  readonly tag: string
}

interface RawResult {
  readonly command: string | null
  readonly rowCount: number | null
  readonly fields: readonly FieldDef[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** Several statements are one implicit transaction, as with psql -c. */
async function query(client: Client, sql: string): Promise<QueryResult[]> {
  try {
    const answer = (await client.query({
      text: sql,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value },
    } as never)) as unknown as RawResult | RawResult[]
    return [answer].flat().map(({ command, rowCount, fields, rows }) => ({
      fields: fields.map(({ name, dataTypeID }) => ({ name, typeId: dataTypeID })),
      rows,
      tag: [
        command ?? '',
        ...(rowCount === null || command === 'SELECT' ? [] : [command === 'INSERT' ? `0 ${rowCount}` : String(rowCount)]),
      ]
        .join(' ')
        .trim(),
    }))
  } catch (error) {
    if (!('severity' in (error as object))) throw error
    const failed = new StatementError(0, sql, error as Error)
    throw new CliError(failed.message.replace('At statement: 0\n', ''), { cause: error })
  }
}
