// What Postgres says, as upstream tells it to clients. The cause goes along for the log and is never shown.
import { AcquisitionTimeout, Cancelled, ConnectError, ConnectionLost, StatementError } from '../../../pg/executor.ts'
import { errors, type StorageError } from '../errors.ts'

const TOO_MANY =
  /Authentication error|Max client connections reached|remaining connection slots are reserved|no more connections allowed|sorry, too many clients already|server login has been failing/

/** Undefined for what is no error of the database. */
export function databaseError(error: unknown): StorageError | undefined {
  if (error instanceof StatementError) return statementError(error)
  if (error instanceof Cancelled) return errors.aborted(error)
  if (error instanceof AcquisitionTimeout) return errors.databaseTimeout(error)
  if (error instanceof ConnectError) {
    if (error.code === '53300' || TOO_MANY.test(error.message)) return errors.slowDown(undefined, error)
    return errors.databaseTimeout(error)
  }
  if (error instanceof ConnectionLost) return errors.databaseError(error.code ?? '08006', error)
  return undefined
}

function statementError(error: StatementError): StorageError {
  const { code, message, detail, where } = error.fields
  if (TOO_MANY.test(message)) return errors.slowDown(undefined, error)
  switch (code) {
    case '42501':
      return errors.accessDenied(message.includes('row-level security') ? 'new row violates row-level security policy' : message, error)
    case '23505':
      return errors.resourceAlreadyExists(undefined, error)
    case '23503':
      return detail?.includes('is still referenced from table') ? errors.resourceReferenced(undefined, error) : errors.relatedMissing(error)
    case '55P03':
      return errors.resourceLocked(error)
    case '57014':
      return errors.databaseTimeout(error)
    case '25006':
      return errors.databaseReadOnly(error)
    case '25P02':
      return errors.transactionAborted(error)
    case '42P17':
      return errors.invalidObjectDefinition(error)
    case '22P02':
      return errors.invalidValue(message || 'Invalid value format or type conversion failed', error)
    case '42703':
    case '42P01':
      // Inside a function or policy it is the project's own SQL that does not fit.
      return where
        ? errors.schemaMismatch(`There is a database schema mismatch in a trigger or RLS policy: ${message}`, error)
        : errors.schemaMismatch(undefined, error)
    default:
      return errors.databaseError(code, error)
  }
}

/** Whether the database refused because a name is taken. */
export const isDuplicate = (error: unknown): boolean =>
  error instanceof Error && error.cause instanceof StatementError && error.cause.fields.code === '23505'
