// The vocabulary of Traefik's configuration.
import { z } from 'zod'
import { durationOrSeconds } from '../../../../env/types.ts'

/** A duration of Go, a bare number being seconds; in milliseconds. */
export const duration = durationOrSeconds
export const texts = z.array(z.string())
export const named = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value)
export const flag = z.boolean()
export const whole = z.number().int()
/** Taken and of no effect here: options that say how Traefik itself runs. */
export const ignored = z.unknown().optional()
