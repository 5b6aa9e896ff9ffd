// Which relationship an embed means, and the refusals when there is none or more than one.
import { RestError } from '../errors.ts'
import { type ForeignKeyRelationship, keyOf, type Name, type Relationship, type SchemaCache } from '../schema-cache/types.ts'
import { similar } from './fuzzy.ts'

/** Throws PGRST200 or PGRST201. `origin` is the parent's table, `schema` that of the request. */
export function findRelationship(cache: SchemaCache, schema: string, origin: Name, target: string, hint: string | undefined): Relationship {
  const all = (cache.relationships.get(keyOf(origin.schema, origin.name)) ?? []).filter(
    (relationship) => relationship.target.schema === schema,
  )
  const found = all.filter((relationship) => matches(relationship, target, hint))
  if (found.length === 1) return found[0]!
  if (found.length === 0) throw none(cache, schema, origin.name, target, hint)
  throw ambiguous(found as ForeignKeyRelationship[], origin.name, target)
}

function matches(relationship: Relationship, target: string, hint: string | undefined): boolean {
  if (relationship.kind === 'computed') return hint === undefined && relationship.function.name === target
  const { cardinality, constraint, columns, junction, isSelf, targetIsView } = relationship
  const originColumn = columns.length === 1 ? columns[0]![0] : undefined
  const targetColumn = columns.length === 1 ? columns[0]![1] : undefined
  const isTarget = relationship.target.name === target
  if (isSelf && cardinality !== 'many-to-many') {
    // One foreign key gives both directions here: the table's name means the children, the column's name the parent.
    const toChildren = cardinality === 'one-to-many' || (cardinality === 'one-to-one' && relationship.keyAtTarget)
    if (hint === undefined) return toChildren ? isTarget : originColumn === target
    return isTarget && (toChildren ? targetColumn === hint || constraint === hint : false)
  }
  if (hint === undefined) {
    return isTarget || (!targetIsView && cardinality !== 'many-to-many' && (constraint === target || originColumn === target))
  }
  if (!isTarget) return false
  return junction === undefined ? constraint === hint || originColumn === hint || targetColumn === hint : junction.name === hint
}

function none(cache: SchemaCache, schema: string, parent: string, child: string, hint: string | undefined): RestError {
  const within = (relationships: readonly Relationship[]): boolean =>
    relationships.length === 0 || relationships.some(({ target }) => target.schema === schema)
  const known = cache.relationships.get(keyOf(schema, parent))
  let suggestion: string | undefined
  if (known !== undefined && within(known)) {
    const children = known.filter(({ target }) => target.schema === schema).map((relationship) => relationship.target.name)
    const match = similar(children, child, 0.33).find(({ score }) => score < 1)
    if (match) suggestion = `Perhaps you meant '${match.value}' instead of '${child}'.`
  } else {
    const parents = [...cache.relationships].flatMap(([key, relationships]) => {
      const [originSchema, name = ''] = key.split('\0')
      return originSchema === schema && within(relationships) ? [name] : []
    })
    const match = similar(parents, parent, 0.33)[0]
    if (match) suggestion = `Perhaps you meant '${match.value}' instead of '${parent}'.`
  }
  return new RestError('PGRST200', {
    words: `Could not find a relationship between '${parent}' and '${child}' in the schema cache`,
    details: `Searched for a foreign key relationship between '${parent}' and '${child}' ${hint === undefined ? '' : `using the hint '${hint}' `}in the schema '${schema}', but no matches were found.`,
    hint: suggestion ?? null,
  })
}

function ambiguous(unordered: readonly ForeignKeyRelationship[], parent: string, child: string): RestError {
  const found = [...unordered].sort((a, b) => Number(b.keyAtTarget) - Number(a.keyAtTarget))
  const choices = found.map(({ target, constraint, junction }) => `'${target.name}!${junction?.name ?? constraint}'`)
  return new RestError('PGRST201', {
    words: `Could not embed because more than one relationship was found for '${parent}' and '${child}'`,
    details: found.map((relationship) => ({
      cardinality: relationship.cardinality,
      embedding: `${relationship.origin.name} with ${relationship.target.name}`,
      relationship: inWords(relationship),
    })),
    hint: `Try changing '${child}' to one of the following: ${choices.join(', ')}. Find the desired relationship in the 'details' key.`,
  })
}

function inWords({ constraint, origin, target, columns, junction }: ForeignKeyRelationship): string {
  const list = (names: readonly string[]): string => `(${names.join(', ')})`
  if (junction === undefined) {
    return `${constraint} using ${origin.name}${list(columns.map(([column]) => column))} and ${target.name}${list(columns.map(([, column]) => column))}`
  }
  const { name, originConstraint, originColumns, targetConstraint, targetColumns } = junction
  return `${name} using ${originConstraint}${list(originColumns.map(([column]) => column))} and ${targetConstraint}${list(targetColumns.map(([column]) => column))}`
}
