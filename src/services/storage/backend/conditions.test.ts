import { expect, test } from 'vitest'
import { checkConditions } from './conditions.ts'

const source = { etag: '"a,b"', lastModified: new Date('2026-01-01T12:00:00.700Z') }
const before = new Date('2026-01-01T11:59:59Z')
const same = new Date('2026-01-01T12:00:00Z')

test.each([
  [{}, true],
  [{ ifMatch: '"a,b"' }, true],
  [{ ifMatch: 'W/"a,b"' }, true],
  [{ ifMatch: '*' }, true],
  [{ ifMatch: '"x", "a,b"' }, true],
  [{ ifMatch: '"a"' }, false],
  [{ ifNoneMatch: '"a,b"' }, false],
  [{ ifNoneMatch: '*' }, false],
  [{ ifNoneMatch: '"x"' }, true],
  [{ ifModifiedSince: before }, true],
  [{ ifModifiedSince: same }, false],
  [{ ifUnmodifiedSince: same }, true],
  [{ ifUnmodifiedSince: before }, false],
  [{ ifMatch: '"a,b"', ifUnmodifiedSince: before }, true],
  [{ ifNoneMatch: '"x"', ifModifiedSince: same }, true],
  [{ ifMatch: '"x"', ifUnmodifiedSince: same }, false],
  [{ ifUnmodifiedSince: new Date(Number.NaN), ifModifiedSince: before }, true],
])('%j holds: %s', (conditions, holds) => {
  if (holds) checkConditions(conditions, source)
  else expect(() => checkConditions(conditions, source)).toThrow(expect.objectContaining({ code: 'PreconditionFailed', status: 412 }))
})
