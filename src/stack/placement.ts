// Where a service of this stack runs, as variables say it: here by default, in a process of its own, or elsewhere.
import type { Environment } from '../service/definition.ts'
import type { Place } from './description.ts'

/**
 * `PLINTH_PROCESSES=rest,auth` gives those services a child process each; `PLINTH_REST_URL=http://10.0.0.5:3000` says that rest runs there.
 * The database is always a process of its own, and has POSTGRES_HOST.
 */
export function placeOf(service: string, env: Environment): Place {
  if (service === 'db') return { at: 'here' }
  const url = env[`PLINTH_${service.toUpperCase()}_URL`]
  if (url) return { at: 'address', url }
  const processes = (env['PLINTH_PROCESSES'] ?? '').split(',').map((name) => name.trim())
  return processes.includes(service) || processes.includes('all') ? { at: 'process' } : { at: 'here' }
}
