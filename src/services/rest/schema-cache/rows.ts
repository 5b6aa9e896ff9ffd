// The rows of the catalogue queries, checked as far as the program relies on them, and turned into the cache's types.
import type { ColumnOrigin } from './node-tree.ts'
import type { Argument, Column, ComputedRelationship, MediaHandler, Routine, Table } from './types.ts'

export interface ForeignKey {
  readonly name: string
  readonly relation: number
  readonly target: number
  readonly schema: string
  readonly table: string
  readonly targetSchema: string
  readonly targetTable: string
  readonly columns: readonly {
    readonly column: number
    readonly targetColumn: number
    readonly columnName: string
    readonly targetColumnName: string
  }[]
  readonly unique: boolean
}

export interface Constraints {
  readonly foreign: readonly ForeignKey[]
  readonly primary: readonly { readonly relation: number; readonly columns: readonly number[] }[]
}

export interface ViewColumns {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly names: ReadonlyMap<number, string>
  readonly origins: readonly ColumnOrigin[]
}

type Row = readonly unknown[]
const rowsOf = (json: unknown): readonly Row[] => (Array.isArray(json) ? (json as Row[]) : [])
const textOr = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

export function tableOf(row: Row): Table {
  const [oid, schema, name, description, isView, insertable, updatable, deletable, primaryKey, columns] = row
  return {
    oid: Number(oid),
    schema: String(schema),
    name: String(name),
    description: textOr(description),
    isView: isView === true,
    insertable: insertable === true,
    updatable: updatable === true,
    deletable: deletable === true,
    primaryKey: primaryKey as string[],
    columns: new Map(rowsOf(columns).map((column) => [String(column[0]), columnOf(column)])),
  }
}

function columnOf([name, type, nominalType, nullable, expression, maxLength, labels, description]: Row): Column {
  return {
    name: String(name),
    type: String(type),
    nominalType: String(nominalType),
    nullable: nullable === true,
    default: textOr(expression),
    maxLength: typeof maxLength === 'number' ? maxLength : undefined,
    enum: Array.isArray(labels) ? (labels as string[]) : [],
    description: textOr(description),
  }
}

export function constraintsOf(json: unknown): Constraints {
  const { foreign, primary } = json as { foreign: unknown; primary: unknown }
  return {
    foreign: rowsOf(foreign).map(([name, relation, target, schema, table, targetSchema, targetTable, columns, unique]) => ({
      name: String(name),
      relation: Number(relation),
      target: Number(target),
      schema: String(schema),
      table: String(table),
      targetSchema: String(targetSchema),
      targetTable: String(targetTable),
      columns: rowsOf(columns).map(([column, targetColumn, columnName, targetColumnName]) => ({
        column: Number(column),
        targetColumn: Number(targetColumn),
        columnName: String(columnName),
        targetColumnName: String(targetColumnName),
      })),
      unique: unique === true,
    })),
    primary: rowsOf(primary).map(([relation, columns]) => ({
      relation: Number(relation),
      columns: rowsOf(columns).map(([column]) => Number(column)),
    })),
  }
}

/** A cast to a type with a length would cut the value, so arguments are cast to the type without one. */
const UNBOUNDED: Readonly<Record<string, string>> = {
  bit: 'bit varying',
  'bit[]': 'bit varying[]',
  character: 'character varying',
  'character[]': 'character varying[]',
}

export function routineOf(row: Row): Routine {
  const [
    schema,
    name,
    description,
    args,
    typeSchema,
    type,
    set,
    composite,
    alias,
    volatility,
    variadic,
    isolation,
    settings,
    isVoid,
    rows,
  ] = row
  return {
    schema: String(schema),
    name: String(name),
    description: textOr(description),
    args: rowsOf(args).map(
      ([argName, argType, required, isVariadic]): Argument => ({
        name: String(argName),
        type: UNBOUNDED[String(argType)] ?? String(argType),
        declaredType: String(argType),
        required: required === true,
        variadic: isVariadic === true,
      }),
    ),
    returns: {
      set: set === true,
      kind: isVoid === true ? 'void' : composite === true ? 'composite' : 'scalar',
      type: { schema: String(typeSchema), name: String(type) },
      alias: alias === true,
    },
    volatility: volatility === 'i' ? 'immutable' : volatility === 's' ? 'stable' : 'volatile',
    variadic: variadic === true,
    isolation: textOr(isolation),
    settings: rowsOf(settings).map(([setting, value]) => [String(setting), String(value)]),
    rows: Number(rows),
  }
}

export function computedOf([functionSchema, functionName, schema, name, targetSchema, targetName, toOne]: Row): ComputedRelationship {
  return {
    kind: 'computed',
    origin: { schema: String(schema), name: String(name) },
    target: { schema: String(targetSchema), name: String(targetName) },
    function: { schema: String(functionSchema), name: String(functionName) },
    toOne: toOne === true,
    isSelf: schema === targetSchema && name === targetName,
  }
}

export function handlerOf([schema, name, isAggregate, mediaType, targetSchema, targetName, anything, encoding]: Row): MediaHandler {
  const self = { schema: String(schema), name: String(name) }
  return {
    kind: isAggregate === true ? 'aggregate' : 'function',
    function: self,
    target: isAggregate !== true ? self : anything === true ? undefined : { schema: String(targetSchema), name: String(targetName) },
    mediaType: String(mediaType),
    encoding: encoding === 'bytea' || encoding === 'jsonb' ? encoding : undefined,
  }
}
