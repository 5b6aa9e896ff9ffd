// Refuses paths with certain encoded characters. Upstream: `encodedCharacters`, and the entry point's option of that name.
import { z } from 'zod'
import { flag } from '../config/types.ts'
import { httpError } from '../go-http.ts'
import { defineMiddleware } from './middleware.ts'

const CODES = {
  allowEncodedSlash: '2F',
  allowEncodedBackSlash: '5C',
  allowEncodedNullCharacter: '00',
  allowEncodedSemicolon: '3B',
  allowEncodedPercent: '25',
  allowEncodedQuestionMark: '3F',
  allowEncodedHash: '23',
} as const

export const encodedCharactersSchema = (fallback: boolean) =>
  z.object(
    Object.fromEntries(Object.keys(CODES).map((name) => [name, flag.default(fallback)])) as Record<
      keyof typeof CODES,
      z.ZodDefault<typeof flag>
    >,
  )

/** What finds an encoded character that is not allowed; undefined when all are. */
export function deniedCharacters(allowed: Readonly<Record<keyof typeof CODES, boolean>>): RegExp | undefined {
  const denied = (Object.keys(CODES) as (keyof typeof CODES)[]).filter((name) => !allowed[name]).map((name) => CODES[name])
  return denied.length === 0 ? undefined : new RegExp(`%(?:${denied.join('|')})`, 'i')
}

export const encodedCharacters = defineMiddleware({
  name: 'encodedCharacters',
  config: encodedCharactersSchema(false),
  build(config) {
    const denied = deniedCharacters(config)
    return (next) => (flight, answer) => {
      if (denied?.test(flight.path)) {
        httpError(answer, 400)
        return
      }
      return next(flight, answer)
    }
  },
})
