// Where the role stands in the claims: a JSONPath (`$.app.roles[0]`, `$.roles[?search(@, "^web")]`), or the older form without `$`.

/** The first value that the path finds. */
export type RolePath = (claims: unknown) => unknown

type Test = (value: unknown) => boolean
type Step = { readonly key: string } | { readonly index: number } | { readonly test: Test }

const STEP =
  /\.([A-Za-z0-9_$@-]+)|\."((?:[^"\\]|\\.)*)"|\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\]|\[(-?\d+)\]|\[\?\(?\s*(.+?)\s*\)?\](?=$|[.[])/sy

/** Throws TypeError when the text is no path. */
export function parseRolePath(text: string): RolePath {
  const source = text.startsWith('$') ? text.slice(1) : text
  const steps: Step[] = []
  STEP.lastIndex = 0
  while (STEP.lastIndex < source.length) {
    const found = STEP.exec(source)
    if (!found) throw new TypeError(`Cannot read the path of the role claim: ${text}`)
    const [, word, quoted, double, single, index, filter] = found
    const key = word ?? quoted ?? double ?? single
    if (key !== undefined) steps.push({ key: key.replace(/\\(.)/gs, '$1') })
    else if (index !== undefined) steps.push({ index: Number(index) })
    else steps.push({ test: testOf(filter!, text) })
  }
  return (claims) => {
    let value = claims
    for (const step of steps) {
      if ('key' in step) value = isObject(value) && Object.hasOwn(value, step.key) ? value[step.key] : undefined
      else if (!Array.isArray(value)) return undefined
      else if ('index' in step) value = value.at(step.index)
      else value = value.find(step.test)
      if (value === undefined) return undefined
    }
    return value
  }
}

function testOf(filter: string, whole: string): Test {
  const call = /^(search|match)\(\s*@\s*,\s*"((?:[^"\\]|\\.)*)"\s*\)?$/s.exec(filter)
  if (call) {
    const pattern = new RegExp(call[1] === 'match' ? `^(?:${call[2]})$` : call[2]!, 'u')
    return (value) => typeof value === 'string' && pattern.test(value)
  }
  const comparison = /^@\s*(==|!=|\^==|==\^|\*==)\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')$/s.exec(filter)
  if (!comparison) throw new TypeError(`Cannot read the path of the role claim: ${whole}`)
  const wanted = (comparison[2] ?? comparison[3] ?? '').replace(/\\(.)/gs, '$1')
  const compare: Readonly<Record<string, (value: string) => boolean>> = {
    '==': (value) => value === wanted,
    '!=': (value) => value !== wanted,
    '^==': (value) => value.startsWith(wanted),
    '==^': (value) => value.endsWith(wanted),
    '*==': (value) => value.includes(wanted),
  }
  const test = compare[comparison[1]!]!
  return (value) => typeof value === 'string' && test(value)
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
