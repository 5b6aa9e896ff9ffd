// Errors that the operator's own SQL raised (triggers, constraints, hook functions): these may speak to the client.

export interface UserSqlError {
  readonly status: number
  readonly body: { readonly code: string; readonly message: string; readonly hint?: string; readonly detail?: string }
}

const SPEAKING = new Set(['P0001', '23000', '23001', '23502', '23503', '23505', '23514', '23P01'])

/** `PTxyz` is the status xyz, the others are 500; undefined when the cause is not such an error. */
export function userSqlError(error: unknown): UserSqlError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    const { code, severity, hint, detail } = at as Error & Record<string, unknown>
    if (typeof code !== 'string' || typeof severity !== 'string') continue
    const status = SPEAKING.has(code) ? 500 : /^PT[1-5]\d\d$/.test(code) ? Number(code.slice(2)) : undefined
    if (status === undefined || status < 200) return undefined
    return {
      status,
      body: {
        code,
        message: at.message,
        ...(typeof hint === 'string' ? { hint } : {}),
        ...(typeof detail === 'string' ? { detail } : {}),
      },
    }
  }
  return undefined
}
