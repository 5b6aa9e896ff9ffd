// SUPABASE_AUTH_JWT_EXPIRY and the like: variables that win over the file, for the keys that the file or the template contains.
import type { Environment } from '../../service/definition.ts'
import { OVERRIDABLE, otherNames } from './spellings.ts'
import { leaves, put, type Tree } from './tree.ts'

export const variableOf = (path: string): string => `SUPABASE_${path.replaceAll('.', '_').toUpperCase()}`

/** Replaces values in place. */
export function applyOverrides(tree: Tree, env: Environment): void {
  const paths = [...[...leaves(tree)].map(([path]) => path), ...OVERRIDABLE.map((path) => path.split('.'))]
  for (const path of paths) {
    const name = path.join('.')
    for (const spelling of [name, ...otherNames(name)]) {
      const value = env[variableOf(spelling)]
      if (value === undefined || value === '') continue
      put(tree, path, value)
      break
    }
  }
}
