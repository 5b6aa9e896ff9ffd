// Where the role stands in the claims: a JSONPath of RFC 9535 (`$.app.roles[0]`, `$.roles[?search(@, "^web")]`), or PostgREST's older
// form without `$` (`.app.roles[0]`, `.roles[?(@ ^== "web")]`, `.role[7:]`).
import { type JsonPath, parseJsonPath } from './json-path.ts'

/** The first value that the path finds. */
export interface RolePath {
  find(claims: unknown): unknown
  /** The path as `--dump-config` shows it. */
  readonly text: string
  /** The older form, which PostgREST warns of. */
  readonly deprecated: boolean
}

type Comparison = '==' | '!=' | '^==' | '==^' | '*=='

type Step =
  | { readonly key: string }
  | { readonly index: number }
  | { readonly from: number | undefined; readonly to: number | undefined }
  | { readonly compare: Comparison; readonly wanted: string }

export function isRolePath(text: string): boolean {
  try {
    parseRolePath(text)
    return true
  } catch {
    return false // the caller says so
  }
}

/** Throws TypeError when the text is no path. */
export function parseRolePath(text: string): RolePath {
  if (!text.startsWith('$')) {
    const steps = olderSteps(text)
    return { find: (claims) => walk(claims, steps), text: steps.map(stepText).join(''), deprecated: true }
  }
  const path: JsonPath | undefined = parseJsonPath(text)
  if (path === undefined) throw refused(text)
  return { find: (claims) => path.find(claims)[0], text: path.text, deprecated: false }
}

const refused = (text: string) => new TypeError(`failed to parse role-claim-key value (${text})`)

// A key, an index, a slice of a text, or a filter.
const OLDER_STEP = /\.([\p{L}\p{N}_$@]+)|\."([^"]*)"|\[(\d+)\]|\[(-?\d*):(-?\d*)\]|\[\?\(@\s*(==\^|==|!=|\^==|\*==)\s*"([^"]*)"\)\]/uy

function olderSteps(text: string): readonly Step[] {
  const steps: Step[] = []
  OLDER_STEP.lastIndex = 0
  let at = 0
  while (at < text.length) {
    OLDER_STEP.lastIndex = at
    const found = OLDER_STEP.exec(text)
    if (!found) throw refused(text)
    at = OLDER_STEP.lastIndex
    const [, word, quoted, index, from, to, compare, wanted] = found
    if (word !== undefined || quoted !== undefined) steps.push({ key: (word ?? quoted)! })
    else if (index !== undefined) steps.push({ index: Number(index) })
    else if (compare !== undefined) steps.push({ compare: compare as Comparison, wanted: wanted! })
    else steps.push({ from: from ? Number(from) : undefined, to: to ? Number(to) : undefined })
  }
  // A filter ends the path; only a slice of what it found may follow.
  const filter = steps.findIndex((step) => 'compare' in step)
  if (steps.length === 0 || (filter >= 0 && steps.slice(filter + 1).some((step) => !('to' in step)))) throw refused(text)
  return steps
}

function walk(claims: unknown, steps: readonly Step[]): unknown {
  let value = claims
  for (const step of steps) {
    if ('key' in step) value = isObject(value) && Object.hasOwn(value, step.key) ? value[step.key] : undefined
    else if ('to' in step) value = typeof value === 'string' ? value.slice(step.from, step.to) || undefined : undefined
    else if (!Array.isArray(value)) return undefined
    else if ('index' in step) value = value[step.index]
    else value = value.find((item) => typeof item === 'string' && holds(step.compare, item, step.wanted))
    if (value === undefined) return undefined
  }
  return value
}

function holds(compare: Comparison, value: string, wanted: string): boolean {
  switch (compare) {
    case '==':
      return value === wanted
    case '!=':
      return value !== wanted
    case '^==':
      return value.startsWith(wanted)
    case '==^':
      return value.endsWith(wanted)
    case '*==':
      return value.includes(wanted)
  }
}

function stepText(step: Step): string {
  if ('key' in step) return `.${JSON.stringify(step.key)}`
  if ('index' in step) return `[${step.index}]`
  if ('compare' in step) return `[?(@ ${step.compare} ${JSON.stringify(step.wanted)})]`
  return `[${step.from ?? ''}:${step.to ?? ''}]`
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
