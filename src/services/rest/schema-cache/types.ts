// What is known of the database: relations, relationships, functions, representations. Read once, matched in memory by name.

export interface Name {
  readonly schema: string
  readonly name: string
}

/** A key for maps: no name can hold a zero byte. */
export const keyOf = (schema: string, name: string): string => `${schema}\0${name}`

export interface Column {
  readonly name: string
  /** The type with domains resolved, without length: `character varying`. */
  readonly type: string
  /** The type as declared: `character varying(5)`, `public.email`. */
  readonly nominalType: string
  readonly nullable: boolean
  /** Expression. */
  readonly default: string | undefined
  readonly maxLength: number | undefined
  readonly enum: readonly string[]
  readonly description: string | undefined
}

export interface Table extends Name {
  readonly oid: number
  readonly description: string | undefined
  readonly isView: boolean
  readonly insertable: boolean
  readonly updatable: boolean
  readonly deletable: boolean
  readonly primaryKey: readonly string[]
  readonly columns: ReadonlyMap<string, Column>
}

export type Cardinality = 'many-to-one' | 'one-to-many' | 'one-to-one' | 'many-to-many'

/** Column of the origin, column of the target. */
export type ColumnPair = readonly [origin: string, target: string]

export interface Junction extends Name {
  readonly originConstraint: string
  readonly targetConstraint: string
  /** Junction column, origin column. */
  readonly originColumns: readonly ColumnPair[]
  /** Junction column, target column. */
  readonly targetColumns: readonly ColumnPair[]
}

export interface ForeignKeyRelationship {
  readonly kind: 'foreign-key'
  readonly origin: Name
  readonly target: Name
  readonly cardinality: Cardinality
  readonly constraint: string
  readonly columns: readonly ColumnPair[]
  readonly junction: Junction | undefined
  readonly isSelf: boolean
  /** For one-to-one: whether the foreign key lies at the target. */
  readonly keyAtTarget: boolean
  readonly originIsView: boolean
  readonly targetIsView: boolean
}

export interface ComputedRelationship {
  readonly kind: 'computed'
  readonly origin: Name
  readonly target: Name
  readonly function: Name
  readonly toOne: boolean
  readonly isSelf: boolean
}

export type Relationship = ForeignKeyRelationship | ComputedRelationship

export interface Argument {
  readonly name: string
  /** What values are cast to: never a type that would cut them. */
  readonly type: string
  /** The type as the function declares it. */
  readonly declaredType: string
  readonly required: boolean
  readonly variadic: boolean
}

export interface ReturnType {
  readonly set: boolean
  readonly kind: 'scalar' | 'composite' | 'void'
  /** Of the composite type, or of the scalar one. */
  readonly type: Name
  /** A domain over a composite type. */
  readonly alias: boolean
}

export interface Routine extends Name {
  readonly description: string | undefined
  readonly args: readonly Argument[]
  readonly returns: ReturnType
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly variadic: boolean
  readonly isolation: string | undefined
  readonly settings: readonly (readonly [name: string, value: string])[]
  /** The planner's guess of the rows of a set. */
  readonly rows: number
}

export interface MediaHandler {
  /** `aggregate` is put over the rows; `function` makes the type by itself. */
  readonly kind: 'aggregate' | 'function'
  readonly function: Name
  /** Which rows it is for: a relation, a function, or any. */
  readonly target: Name | undefined
  readonly mediaType: string
  readonly encoding: 'bytea' | 'jsonb' | undefined
}

export interface SchemaCache {
  readonly tables: ReadonlyMap<string, Table>
  /** By origin. */
  readonly relationships: ReadonlyMap<string, readonly Relationship[]>
  /** By schema and name; overloads together. */
  readonly routines: ReadonlyMap<string, readonly Routine[]>
  /** `from\0to` type names to the function. */
  readonly representations: ReadonlyMap<string, string>
  readonly handlers: readonly MediaHandler[]
  /** How many relations each schema has: no fuzzy hints for very large ones. */
  readonly loadedAt: number
  readonly loadMs: number
  readonly serverVersion: string
}

export interface RoleSettings {
  readonly isolation: string | undefined
  readonly settings: readonly (readonly [name: string, value: string])[]
}
