// Puts a prefix before the path. Upstream: `addPrefix`.
import { z } from 'zod'
import { escapePath } from '../../path.ts'
import { bytesOfText, withSlash } from '../go-http.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

export const addPrefix = defineMiddleware({
  name: 'addPrefix',
  config: z.object({ prefix: z.string().default('') }),
  build({ prefix }) {
    if (prefix === '') throw new MiddlewareError('prefix cannot be empty')
    const escaped = escapePath(bytesOfText(prefix))
    return (next) => (flight, answer) => {
      flight.path = withSlash(escaped + flight.path)
      return next(flight, answer)
    }
  },
})
