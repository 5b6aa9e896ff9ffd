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

  /** The statements as they are sent, for the log. */
  texts({ settings, preRequest, main, estimate }: Pick<TransactionPlan, 'settings' | 'preRequest' | 'main' | 'estimate'>): string[] {
    const texts = [this.#texts.statement(settings).text]
    if (preRequest !== undefined) texts.push(`select ${preRequest}`)
    texts.push(main.text)
    if (estimate !== undefined) texts.push(estimate.text)
    return texts
  }

  async run(plan: TransactionPlan, cancellation: Cancellation): Promise<TransactionResult> {
    const { isolation, check, end, prepare, estimate } = plan
    // The Sync that ends the write commits: BEGIN and COMMIT are needed only where the end is another one or the isolation is not the default.
    const explicit = isolation !== undefined || check !== undefined || end === 'rollback'
    const { text, values } = this.#texts.statement(plan.readOnly && !explicit ? [READ_ONLY, ...plan.settings] : plan.settings)
    const statements: Statement[] = [{ text, values, prepare, discard: true }]
    if (plan.preRequest !== undefined) statements.push({ text: `select ${plan.preRequest}`, prepare })
    const at = statements.length
    statements.push(prepare ? plan.main : { ...plan.main, prepare })
    if (estimate !== undefined) statements.push({ ...estimate, prepare: false })
    if (end === 'rollback') statements.push(CHECK_CONSTRAINTS)
    const results = await this.#executor.run(
      explicit ? explicitBatch(plan, statements, at) : { statements, affinity: plan.role, readOnly: plan.readOnly },
      cancellation,
    )
    return { main: results[at]!, estimate: estimate === undefined ? undefined : results[at + 1] }
  }
}

const CHECK_CONSTRAINTS: Statement = { text: 'set constraints all immediate' }

function explicitBatch({ isolation, readOnly, check, end, role }: TransactionPlan, statements: readonly Statement[], at: number): Batch {
  return {
    statements,
    affinity: role,
    transaction: {
      begin: `begin${isolation === undefined ? '' : ` isolation level ${isolation}`}${readOnly ? ' read only' : ''}`,
      end:
        check === undefined
          ? end
          : (results) => {
              check(results[at]!)
              return end
            },
    },
  }
}
