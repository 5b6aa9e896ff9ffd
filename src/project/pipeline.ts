// Sends many statements at once, by the extended protocol with a single Sync: one implicit transaction, as upstream's tool does it. A
// failing statement undoes all of them, except what an explicit COMMIT among them has made final.
import type { Client, DatabaseError, Submittable } from 'pg'

export interface PipelineStatement {
  readonly text: string
  readonly values?: readonly (string | null | readonly string[])[]
}

/** Which statement failed, and what the server said. */
export class StatementError extends Error {
  readonly index: number
  readonly statement: string
  constructor(index: number, statement: string, cause: Error) {
    super(describe(index, statement, cause), { cause })
    this.name = 'StatementError'
    this.index = index
    this.statement = statement
  }
}

export function runPipeline(client: Client, statements: readonly PipelineStatement[]): Promise<void> {
  if (statements.length === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    client.query(
      new Pipeline(statements, (error, done) => {
        if (!error) resolve()
        else reject(new StatementError(done, statements[done]?.text ?? '', error))
      }),
    )
  })
}

/** The part of node-postgres's connection that is used here; its typings leave it out. */
interface Wire {
  parse(query: { name: string; text: string; types: readonly number[] }): void
  bind(config: { portal: string; statement: string; values: readonly (string | null)[]; binary: boolean }): void
  describe(message: { type: 'P'; name: string }): void
  execute(config: { portal: string; rows: number }): void
  sync(): void
  stream: { cork(): void; uncork(): void }
}

class Pipeline implements Submittable {
  readonly #statements: readonly PipelineStatement[]
  readonly #settle: (error: Error | undefined, done: number) => void
  #done = 0

  constructor(statements: readonly PipelineStatement[], settle: (error: Error | undefined, done: number) => void) {
    this.#statements = statements
    this.#settle = settle
  }

  submit(connection: unknown): void {
    const wire = connection as Wire
    wire.stream.cork()
    try {
      for (const { text, values = [] } of this.#statements) {
        wire.parse({ name: '', text, types: [] })
        wire.bind({ portal: '', statement: '', values: values.map(encode), binary: false })
        wire.execute({ portal: '', rows: 0 })
      }
      wire.sync()
    } finally {
      wire.stream.uncork()
    }
  }

  handleCommandComplete(): void {
    this.#done++
  }
  handleEmptyQuery(): void {
    this.#done++
  }
  handleError(error: Error): void {
    this.#settle(error, this.#done)
  }
  handleReadyForQuery(): void {
    this.#settle(undefined, this.#done)
  }
  // Rows have no reader here.
  handleDataRow(): void {}
  handleRowDescription(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}
  // Upstream's tool cannot do it either: the statements behind it are on their way already, and the server gives the connection up.
  handleCopyInResponse(): void {
    this.#settle(new Error('ERROR: COPY FROM stdin is not possible in a file of statements, use INSERT'), this.#done)
  }
}

const encode = (value: string | null | readonly string[]): string | null =>
  value === null || typeof value === 'string' ? value : `{${value.map((item) => `"${item.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`

function describe(index: number, statement: string, cause: Error): string {
  const { severity, code, detail, position } = cause as Partial<DatabaseError>
  const lines = [code === undefined ? cause.message : `${severity ?? 'ERROR'}: ${cause.message} (SQLSTATE ${code})`]
  if (detail) lines.push(detail)
  lines.push(`At statement: ${index}`, markPosition(statement, Number(position ?? 0)))
  return lines.join('\n')
}

/** The statement up to the line of the error, with a caret below the place. `position` counts characters from 1; 0 is none. */
export function markPosition(statement: string, position: number): string {
  let rest = position
  const lines = statement.split('\n')
  for (const [index, line] of lines.entries()) {
    const length = [...line].length
    if (rest > length + 1) {
      rest -= length + 1
      continue
    }
    return rest > 0 ? [...lines.slice(0, index + 1), `${' '.repeat(rest - 1)}^`].join('\n') : statement
  }
  return statement
}
