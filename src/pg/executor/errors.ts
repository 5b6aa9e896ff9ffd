// What can go wrong between a caller and Postgres, told apart by what the caller should answer.
import type { DatabaseError } from 'pg-protocol'

/** Postgres refused a statement: its own code, detail and hint. */
export interface PostgresError {
  readonly message: string
  readonly severity: string | undefined
  readonly code: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly routine: string | undefined
  readonly where: string | undefined
}

export class StatementError extends Error {
  readonly fields: PostgresError
  /** Which statement of the batch failed. */
  readonly statement: number
  constructor(error: DatabaseError, statement: number) {
    super(error.message)
    this.name = 'StatementError'
    this.statement = statement
    const { message, severity, code, detail, hint, routine, where } = error
    this.fields = { message, severity, code: code ?? 'XX000', detail, hint, routine, where }
  }
}

/** No connection could be made: the server is away, or refuses the login. */
export class ConnectError extends Error {
  /** SQLSTATE where the server itself said no. */
  readonly code: string | undefined
  constructor(message: string, options?: { cause?: unknown; code?: string | undefined }) {
    super(message, options)
    this.name = 'ConnectError'
    this.code = options?.code
  }
}

/** The connection broke while the request was on it; whether it took effect is not known. */
export class ConnectionLost extends Error {
  readonly code: string | undefined
  constructor(message: string, options?: { cause?: unknown; code?: string | undefined }) {
    super(message, options)
    this.name = 'ConnectionLost'
    this.code = options?.code
  }
}

/** No connection became free in time. */
export class AcquisitionTimeout extends Error {
  constructor() {
    super('Timed out acquiring connection from connection pool.')
    this.name = 'AcquisitionTimeout'
  }
}

/** The caller gave the request up before it was sent. */
export class Cancelled extends Error {
  constructor() {
    super('The request was given up')
    this.name = 'Cancelled'
  }
}
