// What a client may ask of a picture: the query's and the token's words, and those that imgproxy understands.
import type { z } from 'zod'
import type { StorageConfig } from '../config.ts'
import { errors } from '../errors.ts'
import { integer, number, oneOf, type Place, readShape, record } from '../wire/shape.ts'

const GRAVITIES = ['no', 'so', 'ea', 'we', 'noea', 'nowe', 'soea', 'sowe', 'ce', 'sm', 'fp'] as const
const RESIZES = ['cover', 'contain', 'fill'] as const
const FORMATS = ['origin', 'avif', 'webp'] as const

const fields = {
  height: integer({ min: 0 }).optional(),
  width: integer({ min: 0 }).optional(),
  resize: oneOf(...RESIZES).optional(),
  format: oneOf(...FORMATS).optional(),
  quality: integer({ min: 20, max: 100 }).optional(),
  gravity: oneOf(...GRAVITIES).optional(),
  x_offset: number().optional(),
  y_offset: number().optional(),
}
const shape = record(fields)
export type Transform = z.output<typeof shape>

/** Throws InvalidRequest in the words of the schema. */
export function readTransform(place: Place, value: unknown): Transform {
  const transform = readShape(place, shape, value)
  if (transform.gravity !== 'fp') return transform
  for (const name of ['x_offset', 'y_offset'] as const) {
    const offset = transform[name]
    if (offset === undefined) throw errors.invalidShape(`${place} must have required property '${name}'`)
    if (offset < 0) throw errors.invalidShape(`${place}/${name} must be >= 0`)
    if (offset > 1) throw errors.invalidShape(`${place}/${name} must be <= 1`)
  }
  return transform
}

const RESIZING_TYPES = { cover: 'fill', contain: 'fit', fill: 'force' } as const

/** imgproxy's options, in upstream's order. */
export function optionsOf(transform: Transform, { images }: StorageConfig): string[] {
  const { height, width, resize = 'cover', quality, format } = transform
  const clamped = (side: number): number => Math.min(Math.max(side, images.minSize), images.maxSize)
  return [
    ...(height ? [`height:${clamped(height)}`] : []),
    ...(width ? [`width:${clamped(width)}`] : []),
    ...(height || width ? [`resizing_type:${RESIZING_TYPES[resize]}`] : []),
    ...(quality ? [`quality:${quality}`] : []),
    ...(format && format !== 'origin' ? [`format:${format}`] : []),
    ...gravityOf(transform),
  ]
}

function gravityOf({ gravity, x_offset: x, y_offset: y }: Transform): string[] {
  if (gravity === undefined) return []
  if (gravity === 'sm' || (x === undefined && y === undefined)) return [`gravity:${gravity}`]
  return [`gravity:${gravity}:${x ?? 0}:${y ?? 0}`]
}

/** What a signed URL fixes, in storage's own names; empty where it fixes nothing. */
export function signedText(transform: Transform, { images }: StorageConfig): string {
  const { height, width, resize = 'cover', quality, format, gravity, x_offset: x, y_offset: y } = transform
  const clamped = (side: number): number => Math.min(Math.max(side, images.minSize), images.maxSize)
  return [
    ...(height ? [`height:${clamped(height)}`] : []),
    ...(width ? [`width:${clamped(width)}`] : []),
    ...(height || width ? [`resize:${resize}`] : []),
    ...(quality ? [`quality:${quality}`] : []),
    ...(format && format !== 'origin' ? [`format:${format}`] : []),
    ...(gravity ? [`gravity:${gravity}`] : []),
    ...(gravity && x !== undefined ? [`x_offset:${x}`] : []),
    ...(gravity && y !== undefined ? [`y_offset:${y}`] : []),
  ].join(',')
}

/** The words of `signedText`, or of upstream, back. The token was signed: what is unknown in it is left out. */
export function transformOfSigned(signed: string): Transform {
  const given = new Map(signed.split(',').map((part) => [part.slice(0, part.indexOf(':')), part.slice(part.indexOf(':') + 1)] as const))
  const one = Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => {
      const parsed = given.has(name) ? field.safeParse(given.get(name)) : undefined
      return parsed?.success ? [[name, parsed.data]] : []
    }),
  )
  return one as Transform
}
