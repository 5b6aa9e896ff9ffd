// `env(NAME)`: a text that is exactly this becomes the variable's value; an unset variable leaves it as it stands.
import type { Environment } from '../../service/definition.ts'
import { at, mapTexts, type Tree } from './tree.ts'

const REFERENCE = /^env\((.*)\)$/

export const isReference = (value: string | undefined): boolean => value !== undefined && REFERENCE.test(value)

/** Values whose absence is worth a word: secrets, URLs, redirect lists. */
const SENSITIVE =
  /^(auth\.(site_url|additional_redirect_urls|external_url|jwt_issuer|jwt_secret|anon_key|service_role_key|publishable_key|secret_key)|auth\.captcha\.secret|auth\.email\.smtp\.(pass|user|host)|auth\.sms\.[^.]+\.(auth_token|access_key|api_key|api_secret)|auth\.external\.[^.]+\.(client_id|secret|url|redirect_uri)|auth\.hook\.[^.]+\.(uri|secrets)|api\.external_url|db\.(root_key|vault\.[^.]+)|edge_runtime\.secrets\.[^.]+)$/

export interface Substituted {
  readonly tree: Tree
  readonly warnings: readonly string[]
}

export function substitute(tree: Tree, env: Environment): Substituted {
  const unset = new Set<string>()
  const replaced = mapTexts(tree, (value, path) => {
    const name = REFERENCE.exec(value)?.[1]
    if (name === undefined) return value
    const found = env[name]
    if (found !== undefined && found !== '') return found
    if (SENSITIVE.test(path.join('.')) && !isOff(tree, path, env)) unset.add(name)
    return value
  })
  return { tree: replaced, warnings: [...unset].map((name) => `WARN: environment variable is unset: ${name}`) }
}

// A table that is switched off (`enabled = false`), at any height above the value, needs no value.
function isOff(tree: Tree, path: readonly string[], env: Environment): boolean {
  for (let length = path.length - 1; length > 0; length--) {
    const enabled = at(tree, [...path.slice(0, length), 'enabled'])
    const value = typeof enabled === 'string' ? (env[REFERENCE.exec(enabled)?.[1] ?? ''] ?? enabled) : enabled
    if (value === false || /^(false|f|0)$/i.test(String(value))) return true
    // A provider without the key is off; the sections that count as on when they are written have no such parent.
    if (enabled === undefined && /^auth\.(external|hook|sms|captcha)\b/.test(path.join('.')) && length === path.length - 1) return true
  }
  return false
}
