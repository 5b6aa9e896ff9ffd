// Every answer that is not a success: the table of upstream's own codes, and how Postgres' errors become statuses.
import type { PostgresError } from '../../pg/executor.ts'

interface Entry {
  readonly status: number
  readonly message: string
}

/** Status and message; `%` stands for the given words. In the order of the reference: the table is the documentation. */
export const errorTable = {
  PGRST000: { status: 503, message: 'Database connection error.' },
  PGRST001: { status: 503, message: 'Database client error. Retrying the connection.' },
  PGRST002: { status: 503, message: 'Could not query the database for the schema cache. Retrying.' },
  PGRST003: { status: 504, message: 'Timed out acquiring connection from connection pool.' },
  PGRST100: { status: 400, message: '%' },
  PGRST101: { status: 405, message: 'Cannot use the % method on RPC' },
  PGRST102: { status: 400, message: '%' },
  PGRST103: { status: 416, message: 'Requested range not satisfiable' },
  PGRST105: { status: 405, message: "Filters must include all and only primary key columns with 'eq' operators" },
  PGRST106: { status: 406, message: 'Invalid schema: %' },
  PGRST107: { status: 406, message: 'None of these media types are available: %' },
  PGRST108: { status: 400, message: "'%' is not an embedded resource in this request" },
  PGRST111: { status: 500, message: 'response.headers guc must be a JSON array composed of objects with a single key and a string value' },
  PGRST112: { status: 500, message: 'response.status guc must be a valid status code' },
  PGRST114: { status: 400, message: 'limit/offset querystring parameters are not allowed for PUT' },
  PGRST115: { status: 400, message: 'Payload values do not match URL in primary key column(s)' },
  PGRST116: { status: 406, message: 'Cannot coerce the result to a single JSON object' },
  PGRST117: { status: 405, message: 'Unsupported HTTP method: %' },
  PGRST118: { status: 400, message: "A related order on '%' is not possible" },
  PGRST120: { status: 400, message: "Bad operator on the '%' embedded resource" },
  PGRST121: { status: 500, message: 'Could not parse JSON in the "RAISE SQLSTATE \'PGRST\'" error' },
  PGRST122: { status: 400, message: 'Invalid preferences given with handling=strict' },
  PGRST123: { status: 400, message: 'Use of aggregate functions is not allowed' },
  PGRST124: { status: 400, message: 'Query result exceeds max-affected preference constraint' },
  PGRST125: { status: 404, message: 'Invalid path specified in request URL' },
  PGRST126: { status: 404, message: 'Root endpoint metadata is disabled' },
  PGRST127: { status: 400, message: 'Feature not implemented' },
  PGRST128: { status: 400, message: 'Function must return SETOF or TABLE when max-affected preference is used with handling=strict' },
  PGRST200: { status: 400, message: '%' },
  PGRST201: { status: 300, message: '%' },
  PGRST202: { status: 404, message: '%' },
  PGRST203: { status: 300, message: '%' },
  PGRST204: { status: 400, message: '%' },
  PGRST205: { status: 404, message: '%' },
  PGRST300: { status: 500, message: 'Server lacks JWT secret' },
  PGRST301: { status: 401, message: '%' },
  PGRST302: { status: 401, message: 'Anonymous access is disabled' },
  PGRST303: { status: 401, message: '%' },
  PGRSTX00: { status: 500, message: '%' },
  PGRSTX01: { status: 503, message: 'Too many request bodies at once' },
} as const satisfies Readonly<Record<string, Entry>>

export type RestCode = keyof typeof errorTable

export interface ErrorParts {
  /** Fills the `%` of the table's message. */
  readonly words?: string
  readonly details?: unknown
  readonly hint?: string | null
  readonly headers?: readonly (readonly [string, string])[]
}

/** The body of an error answer, keys in upstream's order. */
export interface ErrorBody {
  readonly code: string
  readonly details: unknown
  readonly hint: unknown
  readonly message: string
}

/** A refusal by this service. Throw it from any room; the respond room turns it into an answer. */
export class RestError extends Error {
  readonly code: RestCode
  readonly status: number
  readonly details: unknown
  readonly hint: string | null
  readonly headers: readonly (readonly [string, string])[]
  constructor(code: RestCode, { words = '', details = null, hint = null, headers = [] }: ErrorParts = {}) {
    // The words are a function's result here, so that a `$` in them is no pattern.
    super(errorTable[code].message.replace('%', () => words))
    this.name = 'RestError'
    this.code = code
    this.status = errorTable[code].status
    this.details = details
    this.hint = hint
    this.headers = headers
  }

  toJSON(): ErrorBody {
    return { code: this.code, details: this.details, hint: this.hint, message: this.message }
  }
}

/** By full code, then by the class of two characters. */
const BY_CODE: Readonly<Record<string, number>> = {
  '23503': 409,
  '23505': 409,
  '25006': 405,
  '53400': 500,
  '57P01': 503,
  P0001: 400,
  '42883': 404,
  '42P01': 404,
  '42P17': 500,
}
const BY_CLASS: Readonly<Record<string, number>> = {
  '08': 503,
  '09': 500,
  '0L': 403,
  '0P': 403,
  '21': 500,
  '25': 500,
  '28': 403,
  '2D': 500,
  '38': 500,
  '39': 500,
  '3B': 500,
  '40': 500,
  '53': 503,
  '54': 500,
  '55': 500,
  '57': 500,
  '58': 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
}

/** The status of an error of Postgres. */
export function statusOf({ code, message }: PostgresError, anonymous: boolean): number {
  if (code === '42501') return anonymous ? 401 : 403
  if (code === '22023' && /^role ".*" does not exist$/s.test(message)) return 401
  if (code.startsWith('21') && message.endsWith('requires a WHERE clause')) return 400
  if (code === '42883' && message.startsWith('function xmlagg(')) return 406
  if (code.startsWith('PT')) {
    const status = Number(code.slice(2))
    return Number.isInteger(status) && status >= 100 && status <= 999 ? status : 500
  }
  return BY_CODE[code] ?? BY_CLASS[code.slice(0, 2)] ?? 400
}
