// Conditions such as `NetworkErrorRatio() > 0.3 && LatencyAtQuantileMS(50.0) > 100`: calls compared with numbers, `&&`, `||`, `!`
// and parentheses. Upstream: vulcand/oxy, by vulcand/predicate.

export class ExpressionError extends Error {}

export type Calls = ReadonlyMap<string, (...args: number[]) => number | boolean>

/** Throws ExpressionError for what is no condition, or names a call that is not there. */
export function compileCondition(text: string, known: ReadonlyMap<string, number>): (calls: Calls) => boolean {
  const tokens = text.match(/&&|\|\||[<>=!]=|[<>!(),]|[A-Za-z]\w*|-?\d+(?:\.\d+)?|\S/g) ?? []
  let at = 0
  const fail = (): never => {
    throw new ExpressionError(`cannot parse ${JSON.stringify(text)} at ${JSON.stringify(tokens[at] ?? 'its end')}`)
  }
  const take = (token: string) => {
    if (tokens[at] !== token) fail()
    at++
  }
  type Condition = (calls: Calls) => boolean
  const or = (depth: number): Condition => {
    let left = and(depth)
    while (tokens[at] === '||') {
      at++
      const [before, after] = [left, and(depth)]
      left = (calls) => before(calls) || after(calls)
    }
    return left
  }
  const and = (depth: number): Condition => {
    let left = unary(depth)
    while (tokens[at] === '&&') {
      at++
      const [before, after] = [left, unary(depth)]
      left = (calls) => before(calls) && after(calls)
    }
    return left
  }
  const unary = (depth: number): Condition => {
    if (depth > 50) fail()
    if (tokens[at] === '!') {
      at++
      const inner = unary(depth + 1)
      return (calls) => !inner(calls)
    }
    if (tokens[at] === '(') {
      at++
      const inner = or(depth + 1)
      take(')')
      return inner
    }
    const call = called()
    const operator = tokens[at]
    if (operator === undefined || !/^(?:[<>]=?|[!=]=)$/.test(operator)) return (calls) => call(calls) === true
    at++
    const number = Number(tokens[at] ?? Number.NaN)
    if (Number.isNaN(number)) fail()
    at++
    return (calls) => compare(Number(call(calls)), operator, number)
  }
  const called = (): ((calls: Calls) => number | boolean) => {
    const name = tokens[at] ?? ''
    const count = known.get(name)
    if (count === undefined) fail()
    at++
    take('(')
    const args: number[] = []
    while (tokens[at] !== ')') {
      if (args.length > 0) take(',')
      const number = Number(tokens[at] ?? Number.NaN)
      if (Number.isNaN(number)) fail()
      args.push(number)
      at++
    }
    at++
    if (args.length !== count) throw new ExpressionError(`${name} takes ${count} numbers, not ${args.length}`)
    return (calls) => calls.get(name)!(...args)
  }
  const condition = or(0)
  if (at < tokens.length) fail()
  return condition
}

function compare(left: number, operator: string, right: number): boolean {
  switch (operator) {
    case '>':
      return left > right
    case '>=':
      return left >= right
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '==':
      return left === right
    default:
      return left !== right
  }
}
