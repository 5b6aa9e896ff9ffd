// Conditional reads, decided by the row.
import type { IncomingHttpHeaders } from 'node:http'
import { conditionsHold, preconditionFailed } from '../backend/conditions.ts'
import { factsOf, type ObjectRow } from '../objects/object.ts'
import { conditionsOf } from './copy-source.ts'

/** If-Match and If-Unmodified-Since. Throws PreconditionFailed. */
export function checkPreconditions(headers: IncomingHttpHeaders, row: ObjectRow): void {
  const facts = factsOf(row)
  const { ifNoneMatch: _, ifModifiedSince: __, ...conditions } = conditionsOf(headers)
  if (facts && !conditionsHold(conditions, facts)) throw preconditionFailed()
}

/** If-None-Match and If-Modified-Since: the client has it already. */
export function isUnchanged(headers: IncomingHttpHeaders, row: ObjectRow): boolean {
  const facts = factsOf(row)
  const { ifMatch: _, ifUnmodifiedSince: __, ...conditions } = conditionsOf(headers)
  return facts !== undefined && !conditionsHold(conditions, facts)
}
