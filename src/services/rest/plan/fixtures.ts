// A small schema for the tables of tests of the plan and sql rooms: clients have projects, projects have tasks, users and tasks meet in users_tasks.
import { configOf } from '../config.ts'
import { type RestEnv, restEnv } from '../env.ts'
import { relationshipsOf } from '../schema-cache/relationships.ts'
import type { Constraints } from '../schema-cache/rows.ts'
import { type Column, keyOf, type Routine, type SchemaCache, type Table } from '../schema-cache/types.ts'

const column = (name: string, type: string, more: Partial<Column> = {}): Column => ({
  name,
  type,
  nominalType: type,
  nullable: true,
  default: undefined,
  maxLength: undefined,
  enum: [],
  description: undefined,
  ...more,
})

const table = (oid: number, name: string, primaryKey: readonly string[], columns: readonly Column[]): Table => ({
  oid,
  schema: 'api',
  name,
  description: undefined,
  isView: false,
  insertable: true,
  updatable: true,
  deletable: true,
  primaryKey,
  columns: new Map(columns.map((one) => [one.name, one])),
})

const TABLES: readonly Table[] = [
  table(1, 'clients', ['id'], [column('id', 'integer'), column('name', 'text')]),
  table(
    2,
    'projects',
    ['id'],
    [
      column('id', 'integer', { default: "nextval('api.projects_id_seq'::regclass)" }),
      column('name', 'text'),
      column('client_id', 'integer'),
      column('data', 'jsonb'),
      column('arr', 'integer[]'),
      column('words', 'tsvector'),
    ],
  ),
  table(3, 'users', ['id'], [column('id', 'integer'), column('boss', 'integer')]),
  table(4, 'tasks', ['id'], [column('id', 'integer'), column('project_id', 'integer')]),
  table(5, 'users_tasks', ['user_id', 'task_id'], [column('user_id', 'integer'), column('task_id', 'integer')]),
  table(6, 'we"ird', [], [column('a"b', 'text')]),
]

const names = new Map(TABLES.map((one) => [one.oid, one]))
const foreignKey = (name: string, from: number, columnName: string, to: number, unique = false): Constraints['foreign'][number] => ({
  name,
  relation: from,
  target: to,
  schema: 'api',
  table: names.get(from)!.name,
  targetSchema: 'api',
  targetTable: names.get(to)!.name,
  columns: [{ column: 1, targetColumn: 1, columnName, targetColumnName: 'id' }],
  unique,
})

const CONSTRAINTS: Constraints = {
  foreign: [
    foreignKey('projects_client_fkey', 2, 'client_id', 1),
    foreignKey('tasks_project_fkey', 4, 'project_id', 2),
    foreignKey('users_boss_fkey', 3, 'boss', 3),
    foreignKey('ut_user_fkey', 5, 'user_id', 3),
    foreignKey('ut_task_fkey', 5, 'task_id', 4),
  ],
  primary: [],
}

const routine = (name: string, args: readonly (readonly [string, string, boolean?])[], more: Partial<Routine> = {}): Routine => ({
  schema: 'api',
  name,
  description: undefined,
  args: args.map(([argument, type, required = true]) => ({ name: argument, type, declaredType: type, required, variadic: false })),
  returns: { set: false, kind: 'scalar', type: { schema: 'pg_catalog', name: 'int4' }, alias: false },
  volatility: 'volatile',
  variadic: false,
  isolation: undefined,
  settings: [],
  rows: 0,
  ...more,
})

const ROUTINES: readonly Routine[] = [
  routine('add', [
    ['a', 'integer'],
    ['b', 'integer'],
  ]),
  routine('add', [['a', 'text']]),
  routine('plenty', [['n', 'integer', false]], {
    volatility: 'stable',
    returns: { set: true, kind: 'composite', type: { schema: 'api', name: 'projects' }, alias: false },
  }),
  routine('whole', [['', 'json']]),
  routine('same', [
    ['a', 'integer'],
    ['b', 'integer', false],
  ]),
  routine('same', [['a', 'text']]),
]

const tables = new Map(TABLES.map((one) => [keyOf(one.schema, one.name), one]))
const routines = new Map<string, Routine[]>()
for (const one of ROUTINES) routines.set(keyOf('api', one.name), [...(routines.get(keyOf('api', one.name)) ?? []), one])

export const cache: SchemaCache = {
  tables,
  relationships: relationshipsOf(CONSTRAINTS, [], tables, []),
  routines,
  representations: new Map(),
  handlers: [],
  loadedAt: 0,
  loadMs: 0,
  serverVersion: '17',
}

export const config = configOf(restEnv.parse({ PGRST_DB_SCHEMAS: 'api', PGRST_DB_AGGREGATES_ENABLED: 'true' }) as unknown as RestEnv)
