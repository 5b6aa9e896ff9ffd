// `${VAR}`, `${VAR:-default}` and `$$` in the values of a compose file.
import { interpolate } from '../../../../env/interpolate.ts'
import type { Environment } from '../../../../service/definition.ts'
import { type Raw, TraefikConfigError } from '../config/conform.ts'

/** Fills every text of the tree, keys of label maps included. Throws TraefikConfigError. */
export function fillVariables(raw: Raw, env: Environment): Raw {
  if (typeof raw === 'string') return fill(raw, env)
  if (Array.isArray(raw)) return (raw as readonly Raw[]).map((item) => fillVariables(item, env))
  if (typeof raw !== 'object' || raw === null || raw === undefined) return raw
  return Object.defineProperties(
    {},
    Object.fromEntries(
      Object.entries(raw as Readonly<Record<string, Raw>>).map(([key, value]) => [
        fill(key, env),
        { value: fillVariables(value, env), enumerable: true, configurable: true, writable: true },
      ]),
    ),
  ) as Raw
}

function fill(text: string, env: Environment): string {
  if (!text.includes('$')) return text
  try {
    return interpolate(text, (name) => env[name])
  } catch (error) {
    throw new TraefikConfigError('compose file', [{ where: '', what: (error as Error).message }])
  }
}
