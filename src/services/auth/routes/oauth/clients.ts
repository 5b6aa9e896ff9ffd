import { errors } from '../../errors.ts'
import { acceptChange, clientChange, newSecret, secretHash, showClient } from '../../oauth-server/clients.ts'
import { requireOAuthServer } from '../../oauth-server/gate.ts'
import { isUuid } from '../../request/addresses.ts'
import { type AdminCall, ok } from '../../request/call.ts'
import { type AdminRoute, adminRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { deleteClient, findClient, listClients, type OAuthClient, updateClient } from '../../tables/oauth-clients.ts'
import { makeClient, readClientBody } from './register.ts'

async function clientOfPath(state: AuthState, call: AdminCall): Promise<OAuthClient> {
  const id = call.params['client_id'] ?? ''
  if (!isUuid(id)) throw errors.validation('invalid client_id format')
  const client = await findClient(state.pool, id)
  if (!client) throw errors.clientNotFound()
  return client
}

/** The token is looked at first, then the switch. */
const route = (definition: Omit<AdminRoute, 'access'>): AdminRoute =>
  adminRoute({
    ...definition,
    async handle(call, state) {
      requireOAuthServer(state.env)
      return definition.handle(call, state)
    },
  })

export const adminCreateClient = route({
  method: 'POST',
  path: '/admin/oauth/clients',
  handle: (call, state) => makeClient(state, call, 'manual'),
})

export const adminListClients = route({
  method: 'GET',
  path: '/admin/oauth/clients',
  async handle(_call, state) {
    const clients = await listClients(state.pool)
    return ok(clients.length > 0 ? { clients: clients.map((client) => showClient(client)) } : {})
  },
})

export const adminGetClient = route({
  method: 'GET',
  path: '/admin/oauth/clients/:client_id',
  handle: async (call, state) => ok(showClient(await clientOfPath(state, call))),
})

export const adminUpdateClient = route({
  method: 'PUT',
  path: '/admin/oauth/clients/:client_id',
  async handle(call, state) {
    const client = await clientOfPath(state, call)
    const changed = await updateClient(state.pool, acceptChange(client, readClientBody(call, clientChange)))
    if (!changed) throw errors.clientNotFound()
    return ok(showClient(changed))
  },
})

export const adminDeleteClient = route({
  method: 'DELETE',
  path: '/admin/oauth/clients/:client_id',
  async handle(call, state) {
    const client = await clientOfPath(state, call)
    await deleteClient(state.pool, client.id)
    return { status: 204 }
  },
})

/** The old secret ends at once. */
export const adminRegenerateSecret = route({
  method: 'POST',
  path: '/admin/oauth/clients/:client_id/regenerate_secret',
  async handle(call, state) {
    const client = await clientOfPath(state, call)
    if (client.type !== 'confidential') throw errors.validation('Cannot regenerate secret for public client')
    const secret = newSecret()
    const changed = await updateClient(state.pool, { ...client, secretHash: secretHash(secret) })
    if (!changed) throw errors.clientNotFound()
    return ok(showClient(changed, secret))
  },
})
