// The read rights of a token on a private channel, as they are asked for at a join and at a new token.
import type { Rights } from '../channels/channel.ts'
import type { Tenant } from '../tenants/tenant.ts'
import { type Asker, ProbeError, readable } from './probe.ts'

/** A policy that fails says no. Rejects with ProbeError when the question could not be asked. */
export async function readRights(tenant: Tenant, asker: Asker, presence: boolean): Promise<Rights> {
  try {
    const database = tenant.databaseOrThrow()
    const seen = await tenant.timed('read', readable(database, asker, presence ? ['broadcast', 'presence'] : ['broadcast']))
    return { broadcastRead: seen.has('broadcast'), ...(presence ? { presenceRead: seen.has('presence') } : {}) }
  } catch (error) {
    if (!(error instanceof ProbeError) || error.failure !== 'policy') throw error
    tenant.countError('RlsPolicyError')
    tenant.log.warn({ code: 'RlsPolicyError', topic: asker.topic }, `RlsPolicyError: ${error.message}`)
    return { broadcastRead: false, ...(presence ? { presenceRead: false } : {}) }
  }
}
