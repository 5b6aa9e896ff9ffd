// Writes as SQL. The body's text is one parameter, read by the database into rows of the columns' types.
import type { Source, WritePlan } from '../plan/write.ts'
import { conditionText } from './condition.ts'
import { ident, literal, type Parameters, qualified } from './text.ts'

/** The write with its RETURNING, to be put into the CTE that the representation is read from. */
export function writeText(plan: WritePlan, parameters: Parameters): string {
  const table = qualified(plan.table)
  const ref = plan.table.name
  const returning =
    plan.returning.length === 0
      ? ' RETURNING 1'
      : ` RETURNING ${plan.returning.map((name) => (name === '*' ? `${ident(ref)}.*` : `${ident(ref)}.${ident(name)}`)).join(', ')}`
  switch (plan.kind) {
    case 'insert':
      return `${insertText(plan, table, parameters)}${returning}`
    case 'update': {
      const { source } = plan
      // Nothing to set: no row is touched, and none comes back.
      if (source.columns.length === 0)
        return `SELECT ${plan.returning.length === 0 ? '1' : plan.returning.map((name) => (name === '*' ? '*' : `${ident(ref)}.${ident(name)}`)).join(', ')} FROM ${table} WHERE false`
      const set = source.columns.map(({ name }) => `${ident(name)} = pgrst_body.${ident(name)}`).join(', ')
      const from = `FROM ${bodyFrom(source, parameters, true)}`
      return `UPDATE ${table} SET ${set} ${from}${whereText(plan, ref, parameters)}${returning}`
    }
    case 'delete':
      return `DELETE FROM ${table}${whereText(plan, ref, parameters)}${returning}`
  }
}

function whereText(plan: WritePlan, ref: string, parameters: Parameters): string {
  const conditions = plan.where.map((condition) => conditionText(ref, condition, parameters, neverEmbedded))
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
}

const neverEmbedded = (): string => 'false'

const COUNT_INSERTED = (step: '+ 1' | '- 1', never: string): string =>
  `set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) ${step})::text, true) <> ${literal(never)}`

function insertText(plan: Extract<WritePlan, { kind: 'insert' }>, table: string, parameters: Parameters): string {
  const { source, conflict } = plan
  const { columns } = source
  const merge = conflict?.resolution === 'merge'
  const targets = columns.map(({ name }) => ident(name)).join(', ')
  const conditions = plan.where.map((condition) => conditionText('pgrst_body', condition, parameters, neverEmbedded))
  if (merge) conditions.push(COUNT_INSERTED('+ 1', '0'))
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  const insert =
    columns.length === 0
      ? `INSERT INTO ${table} SELECT FROM ${emptyRows(source, parameters)}${where}`
      : `INSERT INTO ${table}(${targets}) SELECT ${columns.map(({ name }) => `pgrst_body.${ident(name)}`).join(', ')} FROM ${bodyFrom(source, parameters, false)}${where}`
  if (conflict === undefined) return insert
  const on = ` ON CONFLICT (${conflict.columns.map(ident).join(', ')})`
  if (!merge || columns.length === 0) return `${insert}${on} DO NOTHING`
  const set = columns.map(({ name }) => `${ident(name)} = EXCLUDED.${ident(name)}`).join(', ')
  return `${insert}${on} DO UPDATE SET ${set} WHERE ${COUNT_INSERTED('- 1', '-1')}`
}

/** As many rows without columns as the body has elements: rows of defaults. */
function emptyRows({ bytes, isArray }: Source, parameters: Parameters): string {
  const body = parameters.add(bytes)
  return isArray ? `json_array_elements(${body}::json) pgrst_body` : `(SELECT ${body}::json) pgrst_body`
}

/** The body as rows `pgrst_body`. For an update only its first row counts. */
function bodyFrom({ bytes, isArray, columns, useDefaults }: Source, parameters: Parameters, first: boolean): string {
  const defaults = useDefaults ? columns.filter((column) => column.default !== undefined) : []
  const json = defaults.length > 0 ? 'jsonb' : 'json'
  const body = `${parameters.add(bytes)}::${json}`
  let data = 'pgrst_payload.json_data'
  let payload = `(SELECT ${body} AS json_data) pgrst_payload`
  if (defaults.length > 0) {
    const pairs = defaults.map((column) => `${literal(column.name)}, ${column.default}`).join(', ')
    data = 'pgrst_defaults.json_data'
    payload = isArray
      ? `${payload}, LATERAL (SELECT jsonb_agg(jsonb_build_object(${pairs}) || elem) AS json_data FROM jsonb_array_elements(pgrst_payload.json_data) elem) pgrst_defaults`
      : `${payload}, LATERAL (SELECT jsonb_build_object(${pairs}) || pgrst_payload.json_data AS json_data) pgrst_defaults`
  }
  const list = columns
    .map(({ name, transform }) => (transform === undefined ? ident(name) : `${transform}(${ident(name)}) AS ${ident(name)}`))
    .join(', ')
  const types = columns.map(({ name, type }) => `${ident(name)} ${type}`).join(', ')
  const rows = `${json}_to_record${isArray ? 'set' : ''}(${data}) AS _(${types})${first ? ' LIMIT 1' : ''}`
  return `${payload}, LATERAL (SELECT ${list} FROM ${rows}) pgrst_body`
}
