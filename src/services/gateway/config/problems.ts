// Every mistake of a configuration file at once, told as Kong tells them: a tree of where, and what is wrong there.
import type { z } from 'zod'

export type Where = readonly (string | number)[]

export interface Problem {
  /** Names of fields and places in lists (from zero). */
  readonly where: Where
  readonly what: string
}

interface Node {
  what: string[]
  children: Map<string | number, Node>
}

/** `in 'services':` over `- in entry 1 of 'services':` over `in 'host': required field missing`. */
export function problemTree(problems: readonly Problem[]): string {
  const root: Node = { what: [], children: new Map() }
  for (const { where, what } of problems) {
    let node = root
    for (const step of where) {
      const child: Node = node.children.get(step) ?? { what: [], children: new Map() }
      node.children.set(step, child)
      node = child
    }
    if (!node.what.includes(what)) node.what.push(what)
  }
  return lines(root, '', '').join('\n')
}

/** The same as nested objects, as Kong's admin API answers them. */
export function problemFields(problems: readonly Problem[]): unknown {
  const root: Record<string, unknown> = {}
  for (const { where, what } of problems) {
    let at = root
    for (const step of where.slice(0, -1)) {
      if (typeof at[step] !== 'object' || at[step] === null) at[step] = {}
      at = at[step] as Record<string, unknown>
    }
    at[where.at(-1) ?? '@entity'] = what
  }
  return root
}

function lines(node: Node, list: string, indent: string): string[] {
  const out = node.what.map((what) => `${indent}${what}`)
  for (const [step, child] of node.children) {
    const title = typeof step === 'number' ? `${indent}- in entry ${step + 1} of '${list}'` : `${indent}in '${step}'`
    const deeper = `${indent}  `
    const inner = lines(child, typeof step === 'number' ? list : step, deeper)
    if (child.children.size === 0 && inner.length === 1) out.push(`${title}: ${inner[0]!.trimStart()}`)
    else out.push(`${title}:`, ...inner)
  }
  return out
}

/** zod's issues in Kong's words. `value` is what was checked, to tell a missing field from a wrong one. */
export function problemsOf(error: z.ZodError, value: unknown, where: Where): Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue, value, where))
}

function problemsOfIssue(issue: z.core.$ZodIssue, value: unknown, where: Where): Problem[] {
  const at = [...where, ...(issue.path as (string | number)[])]
  const one = (what: string): Problem[] => [{ where: at, what }]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ where: [...at, key], what: 'unknown field' }))
    case 'invalid_type':
      if (valueAt(value, issue.path) === undefined) return one('required field missing')
      return one(issue.message.startsWith('Invalid input') ? (EXPECTED[issue.expected] ?? `expected ${issue.expected}`) : issue.message)
    case 'too_small':
      if (issue.origin === 'string') return one(`length must be at least ${issue.minimum}`)
      if (issue.origin === 'array') return one(`length must be at least ${issue.minimum}`)
      return one(`value must be at least ${issue.minimum}`)
    case 'too_big':
      return one(`value must be at most ${issue.maximum}`)
    case 'invalid_value':
      if (valueAt(value, issue.path) === undefined) return one('required field missing')
      return one(issue.values.length === 1 ? `value must be ${String(issue.values[0])}` : `expected one of: ${issue.values.join(', ')}`)
    default:
      return one(issue.message)
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'expected a string',
  number: 'expected a number',
  int: 'expected an integer',
  boolean: 'expected a boolean',
  array: 'expected an array',
  object: 'expected a record',
  record: 'expected a map',
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const step of path) at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined
  return at
}
