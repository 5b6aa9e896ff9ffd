// Several middlewares under one name. Upstream: `chain`. The builder puts its members in its place.
import { z } from 'zod'
import { texts } from '../config/types.ts'
import { defineMiddleware } from './middleware.ts'

export const chain = defineMiddleware({
  name: 'chain',
  config: z.object({ middlewares: texts.default([]) }),
  build: () => (next) => next,
})
