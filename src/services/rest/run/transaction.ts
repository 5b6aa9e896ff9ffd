// Runs a request's statements as one transaction: settings, pre-request, statement, end, in one write where nothing has to be decided in between.
import type { Batch, Cancellation, Executor, Result, Statement } from '../../../pg/executor.ts'
import { type Setting, SettingsTexts } from '../sql/settings.ts'
import type { SqlStatement } from '../sql/statement.ts'

export interface TransactionPlan {
  readonly readOnly: boolean
  /** Only where it is not the server's default. */
  readonly isolation: string | undefined
  readonly settings: readonly Setting[]
  readonly preRequest: string | undefined
  readonly main: SqlStatement
  readonly estimate: SqlStatement | undefined
  readonly end: 'commit' | 'rollback'
  /** Looks at the result before the end; a throw rolls back. */
  readonly check: ((main: Result) => void) | undefined
  readonly role: string
  readonly prepare: boolean
}

export interface TransactionResult {
  readonly main: Result
  readonly estimate: Result | undefined
}

const READ_ONLY: Setting = ['transaction_read_only', 'on']

export class Transactions {
  readonly #executor: Executor
  readonly #texts = new SettingsTexts()

  constructor(executor: Executor) {
    this.#executor = executor
  }

  async run(plan: TransactionPlan, cancellation: Cancellation): Promise<TransactionResult> {
    const { isolation, check, end, prepare } = plan
    // The Sync that ends the write commits: BEGIN and COMMIT are needed only where the end is another one or the isolation is not the default.
    const explicit = isolation !== undefined || check !== undefined || end === 'rollback'
    const settings = this.#texts.statement(plan.readOnly && !explicit ? [READ_ONLY, ...plan.settings] : plan.settings)
    const statements: Statement[] = [{ ...settings, prepare, discard: true }]
    if (plan.preRequest !== undefined) statements.push(prepared({ text: `select ${plan.preRequest}`, values: [] }, prepare))
    const at = statements.length
    statements.push(prepared(plan.main, prepare))
    if (plan.estimate !== undefined) statements.push({ ...plan.estimate, prepare: false })
    if (end === 'rollback') statements.push({ text: 'set constraints all immediate' })
    const batch: Batch = {
      statements,
      affinity: plan.role,
      ...(explicit && {
        transaction: {
          begin: `begin${isolation === undefined ? '' : ` isolation level ${isolation}`}${plan.readOnly ? ' read only' : ''}`,
          end:
            check === undefined
              ? end
              : (results) => {
                  check(results[at]!)
                  return end
                },
        },
      }),
    }
    const results = await this.#executor.run(batch, cancellation)
    return { main: results[at]!, estimate: plan.estimate === undefined ? undefined : results[at + 1] }
  }
}

const prepared = (statement: { text: string; values: SqlStatement['values'] }, prepare: boolean): Statement =>
  prepare ? statement : { ...statement, prepare: false }
