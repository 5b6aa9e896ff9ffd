// Middlewares that a file may name and that are not served: their routers are disabled, with the reason in the API.
import { z } from 'zod'
import { named } from '../config/types.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

export const grpcWeb = defineMiddleware({
  name: 'grpcWeb',
  config: z.object({ allowOrigins: z.array(z.string()).default([]) }),
  build: () => {
    throw new MiddlewareError('grpcWeb is not served: there is no HTTP/2 to services')
  },
})

export const plugin = defineMiddleware({
  name: 'plugin',
  config: named(z.unknown()),
  build: (config) => {
    throw new MiddlewareError(`plugin: unknown plugin type: ${Object.keys(config)[0] ?? ''}`)
  },
})
