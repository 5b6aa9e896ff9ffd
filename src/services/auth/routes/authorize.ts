import { beginAtProvider } from '../providers/begin.ts'
import { redirect } from '../request/call.ts'
import { publicRoute } from '../route.ts'

/** Sends a person to a provider. */
export const authorize = publicRoute({
  method: 'GET',
  path: '/authorize',
  handle: async (call, state) => redirect(302, await beginAtProvider(state, call)),
})
