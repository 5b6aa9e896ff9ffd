// The `order` parameter: `a.desc.nullslast,data->>x,rel(col).asc`.
import { type Field, field, fieldName } from './names.ts'
import { type Scanner, Unparsable } from './scanner.ts'

export interface OrderTerm {
  /** Set when the term orders by a column of this to-one embed. */
  readonly relation: string | undefined
  readonly field: Field
  readonly direction: 'asc' | 'desc' | undefined
  readonly nulls: 'first' | 'last' | undefined
}

export function orderTerms(scanner: Scanner): OrderTerm[] {
  const terms: OrderTerm[] = []
  do {
    scanner.spaces()
    terms.push(orderTerm(scanner))
    scanner.spaces()
  } while (scanner.take(','))
  return terms
}

function orderTerm(scanner: Scanner): OrderTerm {
  const related = scanner.attempt(() => {
    const relation = fieldName(scanner)
    scanner.need('(')
    const of = field(scanner)
    scanner.need(')')
    return { relation, field: of, ...ending(scanner) }
  })
  return related ?? { relation: undefined, field: field(scanner), ...ending(scanner) }
}

function ending(scanner: Scanner): Pick<OrderTerm, 'direction' | 'nulls'> {
  const direction = scanner.take('.asc') ? 'asc' : scanner.take('.desc') ? 'desc' : undefined
  const nulls = scanner.take('.nullsfirst') ? 'first' : scanner.take('.nullslast') ? 'last' : undefined
  if (!scanner.atEnd && !scanner.sees(',')) throw new Unparsable()
  return { direction, nulls }
}
