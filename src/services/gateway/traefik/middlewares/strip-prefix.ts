// Takes a prefix off the path and tells the service. Upstream: `stripPrefix`, `stripPrefixRegex`.
import { z } from 'zod'
import type { Answer } from '../answer.ts'
import { texts } from '../config/types.ts'
import type { Flight } from '../flight.ts'
import { bytesOfText, cleanPath, decodePath, escapedLength, httpError, withSlash } from '../go-http.ts'
import { GoRegExpError, goRegExp } from '../go-regexp.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

export const stripPrefix = defineMiddleware({
  name: 'stripPrefix',
  config: z.object({ prefixes: texts.default([]), forceSlash: z.boolean().optional() }),
  build({ prefixes, forceSlash = false }) {
    const list = prefixes.map((prefix) => prefix.trim()).map((prefix) => ({ prefix, bytes: bytesOfText(prefix) }))
    return (next) => (flight, answer) => {
      const decoded = decodePath(flight.path)
      const found = list.find(({ bytes }) => decoded.startsWith(bytes))
      if (found && !strip(flight, answer, decoded, found.bytes, found.prefix, forceSlash)) return
      return next(flight, answer)
    }
  },
})

export const stripPrefixRegex = defineMiddleware({
  name: 'stripPrefixRegex',
  config: z.object({ regex: texts.default([]) }),
  build({ regex }) {
    const patterns = regex.map((source) => {
      try {
        return goRegExp(source.trim())
      } catch (error) {
        if (error instanceof GoRegExpError) throw new MiddlewareError(error.message)
        throw error
      }
    })
    return (next) => (flight, answer) => {
      const decoded = decodePath(flight.path)
      for (const pattern of patterns) {
        const prefix = pattern.exec(decoded)?.[0]
        if (!prefix || !decoded.startsWith(prefix)) continue
        if (!strip(flight, answer, decoded, prefix, prefix, false)) return
        break
      }
      return next(flight, answer)
    }
  },
})

/** False when what is left would be read as another path: the request is refused. */
function strip(flight: Flight, answer: Answer, decoded: string, bytes: string, shown: string, forceSlash: boolean): boolean {
  const left = decoded.slice(bytes.length)
  const rest = forceSlash ? `/${left.replace(/^\//, '')}` : withSlash(left)
  if (rest !== '' && cleanPath(rest) !== rest) {
    httpError(answer, 400)
    return false
  }
  const raw = flight.path.slice(escapedLength(flight.path, bytes.length))
  flight.path = forceSlash ? `/${raw.replace(/^\//, '')}` : withSlash(raw)
  flight.headers.append('X-Forwarded-Prefix', shown)
  return true
}
