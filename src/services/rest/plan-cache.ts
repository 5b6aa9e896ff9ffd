// Plans by the shape of requests: `id=eq.1` and `id=eq.2` are one plan and one statement with another value. What a shape needs is learned
// from a request by planning it a second time with stand-ins for its values and seeing where in the statement they come out.
import { randomBytes } from 'node:crypto'
import type { Value } from '../../pg/executor.ts'
import { RestError } from './errors.ts'
import type { Payload, PayloadContext } from './parse/payload.ts'
import { encodeBytes } from './parse/query.ts'
import { listOf, type Shape, type Slot, type SlotKind } from './parse/shape.ts'
import type { Plan } from './plan/request.ts'
import type { Prepared } from './prepare.ts'
import { listText, patternText } from './sql/condition.ts'
import type { SqlStatement } from './sql/statement.ts'

/** Makes the plan of a request like the given one with other values in its slots. */
export type MakePlan = (url: string) => Prepared

const BODY = -1

interface Recipe {
  readonly plan: Plan
  readonly main: StatementRecipe
  readonly estimate: StatementRecipe | undefined
  readonly canonical: readonly (string | { readonly slot: number })[]
}

/** The number of a slot, BODY, or a value that does not change. */
type Ingredient = number | { readonly fixed: Value }

interface StatementRecipe {
  readonly text: string
  /** Where no value changes, the statement itself. */
  readonly constant?: SqlStatement
  readonly ingredients?: readonly Ingredient[]
}

export class PlanCache {
  static readonly SIZE = 1_000
  static readonly LONGEST_KEY = 2_048
  /** Two generations: what is used while the younger one fills up stays, the rest goes. Undefined for what cannot be learned. */
  #young = new Map<string, Recipe | undefined>()
  #old = new Map<string, Recipe | undefined>()
  readonly #bodies = new Map<string, PayloadContext>()
  /** No request can know it, so no value of one is taken for a stand-in. */
  readonly #mark = `v${randomBytes(12).toString('hex')}x`

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** How the body is read of requests with this head, if such a one was planned before. */
  bodyOf(shape: Shape): PayloadContext | undefined {
    return this.#bodies.get(shape.key)
  }

  /** Undefined when the shape is not known or a value is not what its operator wants: then the request is parsed and refused properly. */
  get(shape: Shape, payload: Payload | undefined): Prepared | undefined {
    const key = keyOf(shape, payload)
    if (key === undefined) return undefined
    let recipe = this.#young.get(key)
    if (recipe === undefined) {
      recipe = this.#old.get(key)
      if (recipe === undefined) return undefined
      this.#keep(key, recipe)
    }
    return fill(recipe, shape.slots, bytesOf(payload))
  }

  /** Keeps what a request of this shape needs, unless its values do more than come out as parameters. */
  learn(shape: Shape, payload: Payload | undefined, context: PayloadContext | undefined, made: Prepared, make: MakePlan): void {
    const key = keyOf(shape, payload)
    if (key === undefined || key.length > PlanCache.LONGEST_KEY || this.#young.has(key)) return
    const recipe = this.#recipe(shape, payload, made, make)
    this.#keep(key, recipe)
    if (recipe === undefined || context === undefined) return
    if (this.#bodies.size >= PlanCache.SIZE) this.#bodies.clear()
    this.#bodies.set(shape.key, context)
  }

  #keep(key: string, recipe: Recipe | undefined): void {
    if (this.#young.size >= PlanCache.SIZE / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, recipe)
  }

  #recipe(shape: Shape, payload: Payload | undefined, made: Prepared, make: MakePlan): Recipe | undefined {
    const { slots } = shape
    const bytes = bytesOf(payload)
    const standIns = slots.map((_, index) => `${this.#mark}${index}y`)
    let standing = made
    if (slots.length > 0) {
      try {
        standing = make(shape.urlWith(slots.map(({ kind }, index) => written(kind, standIns[index]!))))
      } catch (error) {
        // The request itself was fine, so it is its values that matter: a shape that cannot be learned.
        if (error instanceof RestError) return undefined
        throw error
      }
    }
    const { sql } = standing
    const parameters = slots.map(({ kind }, index) => (kind === 'list' ? listText([standIns[index]!]) : standIns[index]!))
    const statement = (given: SqlStatement, real: SqlStatement): StatementRecipe | undefined => {
      if (given.text !== real.text || given.values.length !== real.values.length) return undefined
      const ingredients: Ingredient[] = []
      for (const value of given.values) {
        if (value !== null && value === bytes) ingredients.push(BODY)
        else if (typeof value !== 'string') return undefined
        else {
          const slot = parameters.indexOf(value)
          if (slot < 0 && value.includes(this.#mark)) return undefined
          ingredients.push(slot < 0 ? { fixed: value } : slot)
        }
      }
      const varies = ingredients.some((one) => typeof one === 'number')
      const recipe = varies ? { text: real.text, ingredients } : { text: real.text, constant: real }
      // What the recipe makes of this request must be what was made for it without one.
      const again = statementOf(recipe, slots, bytes)
      return again?.values.every((value, index) => value === real.values[index]) ? recipe : undefined
    }
    const main = statement(sql.main, made.sql.main)
    const estimate = sql.estimate && made.sql.estimate && statement(sql.estimate, made.sql.estimate)
    if (main === undefined || (estimate === undefined) !== (made.sql.estimate === undefined)) return undefined
    const canonical = this.#pieces(standing.canonical, slots)
    // The plan that is kept must not keep a body alive, and everything else of it is the same for all requests of the shape.
    return { plan: withoutBody(made.plan), main, estimate, canonical }
  }

  /** The canonical query cut at its stand-ins. */
  #pieces(text: string, slots: readonly Slot[]): Recipe['canonical'] {
    const pieces: (string | { slot: number })[] = []
    let from = 0
    for (;;) {
      const at = text.indexOf(this.#mark, from)
      if (at < 0) break
      const end = text.indexOf('y', at + this.#mark.length)
      const slot = Number(text.slice(at + this.#mark.length, end))
      const around = slots[slot]!.kind === 'list' ? LIST_BRACKET.length : 0
      pieces.push(text.slice(from, at - around), { slot })
      from = end + 1 + around
    }
    pieces.push(text.slice(from))
    return pieces
  }
}

const LIST_BRACKET = '%28'

const written = (kind: SlotKind, standIn: string): string => (kind === 'list' ? `(${standIn})` : standIn)

function bytesOf(payload: Payload | undefined): Buffer | undefined {
  return payload?.kind === 'json' ? payload.bytes : undefined
}

/** The shape with what its body adds to it: keys, and whether there is one row or a list. Undefined for bodies that are values of their own. */
function keyOf(shape: Shape, payload: Payload | undefined): string | undefined {
  if (payload === undefined) return shape.key
  if (payload.kind !== 'json') return undefined
  const { keys, isArray, native, bytes } = payload
  // Nobody looked inside: what the body begins with tells a list from a row.
  const form = isArray === undefined ? `${bytes[0]} ${bytes.find((byte) => byte > 0x20)}` : isArray
  return `${shape.key}\n${native} ${form} ${keys === undefined ? '' : JSON.stringify(keys)}`
}

const NO_BYTES = Buffer.alloc(0)

function withoutBody(plan: Plan): Plan {
  if (plan.kind === 'call' && 'bytes' in plan.call.args)
    return { ...plan, call: { ...plan.call, args: { ...plan.call.args, bytes: NO_BYTES } } }
  if (plan.kind === 'write' && 'source' in plan.write) {
    return { ...plan, write: { ...plan.write, source: { ...plan.write.source, bytes: NO_BYTES } } }
  }
  return plan
}

function fill({ plan, main, estimate, canonical }: Recipe, slots: readonly Slot[], bytes: Buffer | undefined): Prepared | undefined {
  const first = statementOf(main, slots, bytes)
  if (first === undefined) return undefined
  const second = estimate === undefined ? undefined : statementOf(estimate, slots, bytes)
  let query = canonical[0] as string
  for (let index = 1; index < canonical.length; index++) {
    const piece = canonical[index]!
    query += typeof piece === 'string' ? piece : encodeBytes(slots[piece.slot]!.value)
  }
  return { plan, sql: { main: first, estimate: second }, canonical: query }
}

function statementOf(
  { text, constant, ingredients }: StatementRecipe,
  slots: readonly Slot[],
  bytes: Buffer | undefined,
): SqlStatement | undefined {
  if (ingredients === undefined) return constant
  const values: Value[] = []
  for (const ingredient of ingredients) {
    if (typeof ingredient === 'object') values.push(ingredient.fixed)
    else if (ingredient === BODY) values.push(bytes!)
    else {
      const value = parameterOf(slots[ingredient]!)
      if (value === undefined) return undefined
      values.push(value)
    }
  }
  return { text, values }
}

function parameterOf({ kind, value }: Slot): string | undefined {
  if (kind === 'text') return value
  if (kind === 'pattern') return patternText(value)
  const list = listOf(value)
  return list === undefined ? undefined : listText(list)
}
