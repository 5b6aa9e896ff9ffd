// Keys that have changed their names between releases of the CLI: both spellings are read, one is used from here on.
import { at, isTree, put, remove, type Tree } from './tree.ts'

interface Spelling {
  readonly from: string
  readonly to: string
  /** Upstream has announced the end of the old name. */
  readonly deprecated: boolean
}

const SPELLINGS: readonly Spelling[] = [
  { from: 'local_smtp', to: 'inbucket', deprecated: false },
  { from: 'auth.email.enable_signup', to: 'auth.email.enabled', deprecated: true },
  { from: 'auth.sms.enable_signup', to: 'auth.sms.enabled', deprecated: true },
  { from: 'experimental.orioledb_version', to: 'db.orioledb_version', deprecated: true },
]

/** Renames in place; gives the warnings. Where a file has both names the one that is kept wins. */
export function unifySpellings(tree: Tree): string[] {
  const warnings: string[] = []
  for (const { from, to, deprecated } of SPELLINGS) {
    const old = at(tree, from.split('.'))
    if (old === undefined) continue
    if (deprecated) warnings.push(`WARN: ${from} is deprecated and will be removed in v4, use ${to} instead.`)
    remove(tree, from.split('.'))
    const [head = ''] = to.split('.')
    if (to !== head && !isTree(tree[head])) tree[head] = {}
    if (at(tree, to.split('.')) === undefined) put(tree, to.split('.'), old)
  }
  return warnings
}

/** The other names of a path, for the variables that override it. */
export function otherNames(path: string): string[] {
  const names: string[] = []
  for (const { from, to } of SPELLINGS) {
    if (path === to) names.push(from)
    else if (path.startsWith(`${to}.`)) names.push(from + path.slice(to.length))
  }
  return names
}

/** Keys that can be overridden by the environment although the template leaves them out, so that both spellings stay valid in it. */
export const OVERRIDABLE: readonly string[] = ['auth.email.enabled', 'auth.sms.enabled']
