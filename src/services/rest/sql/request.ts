// The statements of a plan: the one that answers, and the planner's guess where a count of that kind was asked for.
import type { Plan } from '../plan/request.ts'
import type { BodyShape } from './body.ts'
import { callText, isScalar } from './call.ts'
import {
  callStatement,
  estimateStatement,
  explainStatement,
  readStatement,
  type SqlStatement,
  type Total,
  writeStatement,
} from './statement.ts'
import { writeText } from './write.ts'

export interface SqlRequest {
  readonly main: SqlStatement
  readonly estimate: SqlStatement | undefined
}

export function statementsOf(plan: Plan, maxRows: number | undefined): SqlRequest {
  const { type } = plan
  const main = mainStatement(plan, maxRows)
  const { count } = plan.request.preferences
  const estimate = plan.kind === 'read' && (count === 'planned' || count === 'estimated') ? estimateStatement(plan.read.root) : undefined
  return { main: type.kind === 'plan' ? explainStatement(main, type.format, type.options) : main, estimate }
}

function mainStatement(plan: Plan, maxRows: number | undefined): SqlStatement {
  const { root } = plan.read
  switch (plan.kind) {
    case 'read':
      return readStatement(root, shapeOf(plan), totalOf(plan, maxRows))
    case 'write':
      return writeStatement(
        (parameters) => writeText(plan.write, parameters),
        root,
        shapeOf(plan),
        plan.location,
        plan.write.kind === 'insert' && plan.write.conflict?.resolution === 'merge',
      )
    case 'call':
      return callStatement((parameters) => callText(plan.call, parameters), root, shapeOf(plan), totalOf(plan, maxRows))
  }
}

function shapeOf(plan: Plan): BodyShape {
  const { form } = plan
  if (plan.kind !== 'call') return { form, scalar: false, single: false, rowType: plan.table }
  const { routine } = plan
  return { form, scalar: isScalar(routine), single: !routine.returns.set, rowType: routine.returns.type }
}

/** Without a window the rows of the page are all there are, so nothing has to be counted twice. */
function totalOf(plan: Plan, maxRows: number | undefined): Total {
  const { count } = plan.request.preferences
  const { window } = plan.read.root
  if (count === 'exact' || (count === 'estimated' && plan.kind === 'call'))
    return window.limit === undefined && window.offset === 0 ? NO_TOTAL : { kind: 'exact' }
  if (count === 'estimated') return maxRows === undefined ? { kind: 'exact' } : { kind: 'capped', cap: maxRows }
  return NO_TOTAL
}

const NO_TOTAL: Total = { kind: 'none' }
