import { ok } from '../request/call.ts'
import { publicRoute } from '../route.ts'

/** The version whose behaviour this service has. */
export const VERSION = 'v2.196.0'

/** Says that the service is up; the database is not asked. */
export const health = publicRoute({
  method: 'GET',
  path: '/health',
  handle: async () => ok({ version: VERSION, name: 'GoTrue', description: 'GoTrue is a user registration and authentication API' }),
})
