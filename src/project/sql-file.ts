// One file of SQL that a project brings: read, split, run as one implicit transaction, and its error told with file and line.
import { readFileSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import type { Client } from 'pg'
import { type PipelineStatement, runPipeline, StatementError } from './pipeline.ts'
import { locateStatements, type Statement } from './statements.ts'

/** A statement of a file failed; nothing of the file has stayed. The message is upstream's, and names the file and the line. */
export class SqlFileError extends Error {
  readonly path: string
  readonly statement: string
  constructor(path: string, line: number | undefined, cause: StatementError) {
    super(`${cause.message}\n(${path}${line === undefined ? '' : `, line ${line}`})`, { cause })
    this.name = 'SqlFileError'
    this.path = path
    this.statement = cause.statement
  }
}

export interface SqlFile {
  /** As people know it: `supabase/migrations/1_a.sql`. */
  readonly path: string
  readonly bytes: Buffer
  readonly statements: readonly Statement[]
}

export function readSqlFile(workDir: string, path: string): SqlFile {
  const bytes = readFileSync(isAbsolute(path) ? path : join(workDir, path))
  return { path: isAbsolute(path) ? relative(workDir, path) : path, bytes, statements: locateStatements(bytes.toString('utf8')) }
}

/** Runs the statements of the file and, in the same transaction, those after them. */
export async function runSqlFile(client: Client, file: SqlFile, after: readonly PipelineStatement[] = []): Promise<void> {
  try {
    await runPipeline(client, [...file.statements.map(({ text }) => ({ text })), ...after])
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    throw new SqlFileError(file.path, file.statements[error.index]?.line, error)
  }
}
