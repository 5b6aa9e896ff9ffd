import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { errors } from '../../errors.ts'
import { acceptFlowChallenge } from '../../providers/begin.ts'
import { isUuid, NIL_UUID } from '../../request/addresses.ts'
import { boolean, readBody, string } from '../../request/body.ts'
import { type Answer, ok, redirect } from '../../request/call.ts'
import { publicRoute } from '../../route.ts'
import { readMetadata } from '../../saml/identity-provider.ts'
import { authnRequest } from '../../saml/service-provider.ts'
import type { AuthState } from '../../state.ts'
import { insertProviderFlow } from '../../tables/flow-states.ts'
import { findSsoProvider, findSsoProviderByDomain, insertRelayState, type SsoProvider } from '../../tables/sso.ts'
import { requireSaml, samlOn } from './on.ts'

const body = z.object({
  provider_id: string,
  domain: string,
  redirect_to: string,
  skip_http_redirect: boolean(false),
  code_challenge: string,
  code_challenge_method: string,
})
const METHOD = 'sso/saml'

/** Sends a person to the identity provider of their company, by its id or by the domain of their address. */
export const ssoSignIn = publicRoute({
  method: 'POST',
  path: '/sso',
  gate: requireSaml,
  limit: 'sso',
  captcha: true,
  async handle(call, state): Promise<Answer> {
    const sp = samlOn(state)
    const params = readBody(call, body)
    const provider = await find(state, params.provider_id, params.domain)
    if (provider.disabled) throw errors.ssoProviderDisabled('SSO Provider is currently disabled')
    const challenge = acceptFlowChallenge(params.code_challenge, params.code_challenge_method)
    const request = authnRequest(sp, readMetadata(provider.metadata_xml), provider.name_id_format)
    const flow = randomUUID()
    await insertProviderFlow(state.pool, { id: flow, providerType: METHOD, method: METHOD, challenge, referrer: params.redirect_to })
    const relay = await insertRelayState(state.pool, {
      sso_provider_id: provider.id,
      request_id: request.id,
      redirect_to: params.redirect_to,
      flow_state_id: flow,
    })
    const url = request.url(relay)
    return params.skip_http_redirect ? ok({ url }) : redirect(303, url)
  },
})

async function find({ pool }: AuthState, id: string, domain: string): Promise<SsoProvider> {
  if (id !== '' && !isUuid(id)) throw errors.badJson(`uuid: incorrect UUID format in string ${JSON.stringify(id)}`)
  const byId = id !== '' && id !== NIL_UUID
  if (byId && domain !== '') throw errors.validation('Only one of provider_id or domain supported')
  if (!byId && domain === '') throw errors.validation('A provider_id or domain needs to be provided')
  const provider = byId ? await findSsoProvider(pool, id) : await findSsoProviderByDomain(pool, domain)
  if (!provider) throw errors.ssoProviderNotFound(byId ? 'No such SSO provider' : 'No SSO provider assigned for this domain')
  return provider
}
