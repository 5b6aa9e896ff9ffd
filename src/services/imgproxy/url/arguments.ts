// Reads the arguments of an option: numbers as Go reads them, colours, gravities. Throws `Invalid URL` for what it cannot read.
import { ImgproxyError } from '../errors.ts'
import type { Colour, Direction, Gravity, GravityType } from './options.ts'

export const refuse = (what: string): ImgproxyError => new ImgproxyError('invalid_url', what)

/** Sides of more pixels than this are no sizes of pictures. */
const LARGEST = 2 ** 31 - 1

export function whole(name: string, arg: string, min = 0, max = LARGEST): number {
  const value = /^[+-]?\d{1,12}$/.test(arg) ? Number(arg) : Number.NaN
  if (!(value >= min && value <= max)) throw refuse(`invalid ${name}: ${arg}`)
  return value
}

export function decimal(name: string, arg: string, min = Number.NEGATIVE_INFINITY, max: number = LARGEST): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(arg) ? Number(arg) : Number.NaN
  if (!(value >= min && value <= max)) throw refuse(`invalid ${name}: ${arg}`)
  return value
}

export function aboveZero(name: string, arg: string): number {
  const value = decimal(name, arg, 0)
  if (value === 0) throw refuse(`invalid ${name}: ${arg}`)
  return value
}

/** Go's strconv.ParseBool; anything else counts as false. */
export const flag = (arg: string): boolean => ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(arg)

export function hexColour(name: string, arg: string): Colour {
  if (!/^([0-9a-f]{3}|[0-9a-f]{6})$/i.test(arg)) throw refuse(`invalid ${name}: ${arg}`)
  const full = arg.length === 3 ? arg.replace(/./g, '$&$&') : arg
  const part = (at: number): number => Number.parseInt(full.slice(at, at + 2), 16)
  return { r: part(0), g: part(2), b: part(4) }
}

const DIRECTIONS: ReadonlySet<string> = new Set(['ce', 'no', 'so', 'ea', 'we', 'noea', 'nowe', 'soea', 'sowe'])
export const isDirection = (arg: string): arg is Direction => DIRECTIONS.has(arg)

/** `kinds`: `crop` also knows the most interesting part (`sm`); both know a focus point. */
export function gravity(name: string, [type = '', x, y, ...more]: readonly string[], kinds: 'crop' | 'extend'): Gravity {
  const known = isDirection(type) || type === 'fp' || (type === 'sm' && kinds === 'crop')
  if (!known || more.length > 0) throw refuse(`invalid ${name}: ${type}`)
  if (type === 'sm' && x !== undefined) throw refuse(`${name}: sm takes no offsets`)
  if (type === 'fp' && y === undefined) throw refuse(`${name}: fp takes two offsets`)
  const offset = (arg: string | undefined): number => {
    if (arg === undefined) return 0
    return type === 'fp' ? decimal(name, arg, 0, 1) : decimal(name, arg, -LARGEST)
  }
  return { type: type as GravityType, x: offset(x), y: offset(y) }
}
