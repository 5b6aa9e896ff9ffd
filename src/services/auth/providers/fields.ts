// Fields of a provider's JSON, read as Go reads them: absent and null are empty, another type is an error.
import { z } from 'zod'

export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
export const whole = z
  .number()
  .int()
  .nullish()
  .transform((value) => value ?? 0)
export const real = z
  .number()
  .nullish()
  .transform((value) => value ?? 0)

/** A nested object, all of whose fields are empty where it is absent. */
export const nested = <Shape extends z.ZodRawShape>(shape: Shape) => {
  const type = z.object(shape)
  return type.nullish().transform((value) => value ?? type.parse({}))
}
/** A list, empty where absent. */
export const listOf = <Type extends z.ZodType>(type: Type) =>
  z
    .array(type)
    .nullish()
    .transform((value) => value ?? [])
