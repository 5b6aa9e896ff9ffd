// Dotted keys (labels, flags) and names of variables as a tree.
import { z } from 'zod'
import type { Raw } from './conform.ts'

interface Branch {
  [key: string]: Branch | Branch[] | string
}

const branch = (): Branch => Object.create(null) as Branch

/** `a.b[0].c=v` pairs to a tree. The first segment of every key is `root` in any letter case; other keys are left out. */
export function treeOf(pairs: Iterable<readonly [key: string, value: string]>, root: string): Raw {
  const tree = branch()
  for (const [key, value] of pairs) {
    const segments = key.split('.')
    if (root !== '' && segments.shift()?.toLowerCase() !== root) continue
    if (segments.length > 0 && segments.every((segment) => segment !== '')) put(tree, segments, value)
  }
  return tree as Raw
}

// An index names a place in a list that is filled up to it.
const MAX_INDEX = 1_000

function put(tree: Branch, segments: readonly string[], value: string): void {
  let at = tree
  segments.forEach((segment, depth) => {
    const last = depth === segments.length - 1
    const indexed = /^(.+?)\[(\d+)\]$/.exec(segment)
    const key = sameKey(at, indexed?.[1] ?? segment)
    if (indexed) {
      const index = Number(indexed[2])
      if (index > MAX_INDEX) return
      const found = at[key]
      const list = Array.isArray(found) ? found : []
      at[key] = list
      if (last) (list as unknown as string[])[index] = value
      else {
        list[index] ??= branch()
        at = list[index]
      }
      return
    }
    const found = at[key]
    if (last) {
      // `compress=true` beside `compress.minresponsebodybytes=1` adds nothing.
      if (typeof found !== 'object') at[key] = value
      return
    }
    const next = typeof found === 'object' && !Array.isArray(found) ? found : branch()
    at[key] = next
    at = next
  })
}

/** A key that stands there in another letter case is the same one. */
function sameKey(at: Branch, key: string): string {
  if (key in at) return key
  const lower = key.toLowerCase()
  return Object.keys(at).find((other) => other.toLowerCase() === lower) ?? key
}

/** `TRAEFIK_ENTRYPOINTS_WEB_ADDRESS` by the schema, which tells names of its own from names of the user's. Names that lead nowhere are returned. */
export function treeOfVariables(
  variables: Iterable<readonly [name: string, value: string]>,
  schema: z.ZodType,
): { readonly raw: Raw; readonly unknown: readonly string[] } {
  const tree = branch()
  const unknown: string[] = []
  for (const [name, value] of variables) {
    const path = walk(schema, name.split('_').slice(1))
    if (path) put(tree, path, value)
    else unknown.push(name)
  }
  return { raw: tree as Raw, unknown }
}

function walk(schema: z.ZodType, segments: readonly string[]): string[] | undefined {
  const inner = unwrap(schema)
  if (segments.length === 0) return []
  const [head = '', ...rest] = segments
  if (inner instanceof z.ZodObject) {
    const name = Object.keys(inner.shape).find((field) => field.toLowerCase() === head.toLowerCase())
    if (name === undefined) return undefined
    const field = unwrap(inner.shape[name] as z.ZodType)
    if (field instanceof z.ZodArray && rest.length > 0 && /^\d+$/.test(rest[0]!)) {
      const tail = walk(field.element as z.ZodType, rest.slice(1))
      return tail && [`${name}[${rest[0]}]`, ...tail]
    }
    const tail = walk(inner.shape[name] as z.ZodType, rest)
    return tail && [name, ...tail]
  }
  if (inner instanceof z.ZodRecord) {
    const tail = walk(inner.valueType as z.ZodType, rest)
    return tail && [head.toLowerCase(), ...tail]
  }
  return undefined
}

export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema
  for (;;) {
    const { innerType, in: input } = inner.def as unknown as { innerType?: z.ZodType; in?: z.ZodType }
    const next = innerType ?? input
    if (!next) return inner
    inner = next
  }
}
