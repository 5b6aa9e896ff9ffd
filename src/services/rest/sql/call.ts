// Function calls as SQL: arguments by name, each of its declared type.
import type { CallPlan } from '../plan/call.ts'
import type { Argument, Routine } from '../schema-cache/types.ts'
import { arrayText, ident, type Parameters, qualified } from './text.ts'

/** Whether the result has one unnamed column. */
export const isScalar = ({ returns }: Routine): boolean => returns.kind !== 'composite'

export function callText({ routine, args, computed }: CallPlan, parameters: Parameters): string {
  const name = qualified(routine)
  switch (args.kind) {
    case 'values': {
      const list = args.args.map(({ argument, value }) => {
        const bound = parameters.add(typeof value === 'string' ? value : arrayText(value))
        return `${by(argument)}${bound}::${argument.type}`
      })
      return rows(routine, computed, `${name}(${list.join(', ')})`, '')
    }
    case 'whole': {
      const bytes = args.argument.type === 'bytea' ? { binary: args.bytes } : args.bytes
      return rows(routine, computed, `${name}(${parameters.add(bytes)}::${args.argument.type})`, '')
    }
    case 'json': {
      if (args.args.length === 0) return rows(routine, computed, `${name}()`, '')
      const types = args.args.map((argument) => `${ident(argument.name)} ${argument.type}`).join(', ')
      const columns = args.args.map((argument) => ident(argument.name)).join(', ')
      const source = `(SELECT ${parameters.add(args.bytes)}::json AS json_data) pgrst_payload, LATERAL (SELECT ${columns} FROM json_to_record${args.isArray ? 'set' : ''}(pgrst_payload.json_data) AS _(${types}) LIMIT 1) pgrst_body, LATERAL `
      return rows(
        routine,
        computed,
        `${name}(${args.args.map((argument) => `${by(argument)}pgrst_body.${ident(argument.name)}`).join(', ')})`,
        source,
      )
    }
  }
}

const by = ({ name, variadic }: Argument): string => `${variadic ? 'VARIADIC ' : ''}${ident(name)} := `

function rows(routine: Routine, computed: readonly string[], call: string, source: string): string {
  if (isScalar(routine)) return `SELECT pgrst_call."pgrst_scalar" FROM ${source}(SELECT ${call} AS "pgrst_scalar") pgrst_call`
  if (routine.returns.alias) return `SELECT pgrst_call.* FROM ${source}(SELECT (${call}).*) pgrst_call`
  const more = computed.map((name) => `, pgrst_call.${ident(name)}`).join('')
  return `SELECT pgrst_call.*${more} FROM ${source}${call} pgrst_call`
}
