// Another path, whole or by a pattern; the old one is told. Upstream: `replacePath`, `replacePathRegex`.
import { z } from 'zod'
import { escapePath } from '../../path.ts'
import { bytesOfText, cleanPath, decodePath, httpError } from '../go-http.ts'
import { GoRegExpError, goRegExp, replaceAllGo } from '../go-regexp.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

// An escape that is none: the path could not be sent.
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/

export const replacePath = defineMiddleware({
  name: 'replacePath',
  config: z.object({ path: z.string().default('') }),
  build({ path }) {
    const escaped = escapePath(bytesOfText(path))
    return (next) => (flight, answer) => {
      flight.headers.append('X-Replaced-Path', flight.path)
      if (BAD_ESCAPE.test(path)) {
        httpError(answer, 500, `invalid URL escape ${JSON.stringify(BAD_ESCAPE.exec(path)![0])}`)
        return
      }
      flight.path = escaped.startsWith('/') ? escaped : `/${escaped}`
      return next(flight, answer)
    }
  },
})

export const replacePathRegex = defineMiddleware({
  name: 'replacePathRegex',
  config: z.object({ regex: z.string().default(''), replacement: z.string().default('') }),
  build({ regex, replacement }) {
    const template = replacement.trim()
    let pattern: RegExp
    try {
      pattern = goRegExp(regex.trim())
    } catch (error) {
      if (error instanceof GoRegExpError) throw new MiddlewareError(`error compiling regular expression ${regex}: ${error.message}`)
      throw error
    }
    return (next) => (flight, answer) => {
      if (!pattern.test(flight.path)) return next(flight, answer)
      flight.headers.append('X-Replaced-Path', flight.path)
      const replaced = replaceAllGo(pattern, flight.path, template)
      if (BAD_ESCAPE.test(replaced)) {
        httpError(answer, 500, 'invalid URL escape')
        return
      }
      const decoded = decodePath(replaced)
      if (replaced !== '' && cleanPath(decoded) !== decoded) {
        httpError(answer, 400)
        return
      }
      flight.path = escapePath(bytesOfText(replaced))
      return next(flight, answer)
    }
  },
})
