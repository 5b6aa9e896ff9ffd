// The `order` parameter: `a.desc.nullslast,data->>x,rel(col).asc`.
import { type Field, field, fieldName } from './names.ts'
import type { Scanner } from './scanner.ts'

export interface OrderTerm {
  /** Set when the term orders by a column of this to-one embed. */
  readonly relation: string | undefined
  readonly field: Field
  readonly direction: 'asc' | 'desc' | undefined
  readonly nulls: 'first' | 'last' | undefined
}

export function orderTerms(scanner: Scanner): OrderTerm[] {
  const terms: OrderTerm[] = []
  for (;;) {
    scanner.spaces()
    terms.push(orderTerm(scanner))
    scanner.spaces()
    if (!scanner.take(',')) return terms
  }
}

function orderTerm(scanner: Scanner): OrderTerm {
  const start = scanner.at
  let relation: string | undefined
  let of: Field
  const name = fieldName(scanner)
  if (scanner.sees('(')) {
    scanner.at++
    relation = name
    of = field(scanner)
    if (!scanner.take(')')) scanner.fail()
  } else {
    scanner.at = start
    of = field(scanner)
  }
  let direction: 'asc' | 'desc' | undefined
  let nulls: 'first' | 'last' | undefined
  if (scanner.sees('.asc') || scanner.sees('.desc')) {
    direction = scanner.sees('.asc') ? 'asc' : 'desc'
    scanner.at += direction.length + 1
  }
  if (scanner.sees('.nullsfirst') || scanner.sees('.nullslast')) {
    nulls = scanner.sees('.nullsfirst') ? 'first' : 'last'
    scanner.at += nulls === 'first' ? 11 : 10
  }
  scanner.spaces()
  if (!scanner.atEnd && !scanner.sees(',') && !scanner.sees(')')) {
    if (scanner.sees('.')) {
      scanner.at++
      if (direction === undefined) {
        scanner.expect('"asc"')
        scanner.expect('"desc"')
      }
      if (nulls === undefined) {
        scanner.expect('"nullsfirst"')
        scanner.expect('"nullslast"')
      }
    } else if (direction === undefined) scanner.expect('delimiter (.)')
    for (const label of ['","', 'end of input']) scanner.expect(label)
    scanner.fail()
  }
  return { relation, field: of, direction, nulls }
}
