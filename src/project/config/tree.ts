// Plain trees of TOML values: paths, merging, walking. Nothing here knows a key of config.toml.

export type Tree = { [key: string]: TreeValue }
export type TreeValue = unknown

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** `over` wins; tables are merged, everything else (lists too) is replaced. */
export function merge(base: Tree, over: Tree): Tree {
  const merged: Tree = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    set(merged, key, isTree(value) ? merge(isTree(below) ? below : {}, value) : value)
  }
  return merged
}

export function at(tree: Tree, path: readonly string[]): unknown {
  let value: unknown = tree
  for (const key of path) {
    if (!isTree(value) || !Object.hasOwn(value, key)) return undefined
    value = value[key]
  }
  return value
}

/** Writes below `path`, if the tables on the way exist. */
export function put(tree: Tree, path: readonly string[], value: unknown): void {
  const table = at(tree, path.slice(0, -1))
  if (isTree(table)) set(table, path.at(-1)!, value)
}

export function remove(tree: Tree, path: readonly string[]): void {
  const table = at(tree, path.slice(0, -1))
  if (isTree(table)) delete table[path.at(-1)!]
}

/** Every value that is no table, with its path. */
export function* leaves(tree: Tree, path: readonly string[] = []): Generator<[path: readonly string[], value: unknown]> {
  for (const [key, value] of Object.entries(tree)) {
    if (isTree(value)) yield* leaves(value, [...path, key])
    else yield [[...path, key], value]
  }
}

/** The tree with every text replaced by `change`; texts in lists too. */
export function mapTexts(tree: Tree, change: (value: string, path: readonly string[]) => unknown, path: readonly string[] = []): Tree {
  const mapped: Tree = {}
  for (const [key, value] of Object.entries(tree)) set(mapped, key, mapValue(value, change, [...path, key]))
  return mapped
}

function mapValue(value: unknown, change: (value: string, path: readonly string[]) => unknown, path: readonly string[]): unknown {
  if (typeof value === 'string') return change(value, path)
  if (Array.isArray(value)) return value.map((item) => mapValue(item, change, path))
  return isTree(value) ? mapTexts(value, change, path) : value
}

// A key named __proto__ is a key like any other.
function set(table: Tree, key: string, value: unknown): void {
  Object.defineProperty(table, key, { value, enumerable: true, configurable: true, writable: true })
}
