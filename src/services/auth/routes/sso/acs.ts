import { afterUserCreated } from '../../accounts/create.ts'
import { acceptExternal, prepareExternal } from '../../accounts/external.ts'
import { errors } from '../../errors.ts'
import { identityData } from '../../providers/claims.ts'
import { isStandardClaim, standardClaims } from '../../providers/oidc/profiles.ts'
import { stateError } from '../../providers/redirect-error.ts'
import { isUuid, NIL_UUID } from '../../request/addresses.ts'
import type { JsonMap } from '../../request/body.ts'
import { type Answer, type Call, formOf, redirect } from '../../request/call.ts'
import { withFragment, withQuery } from '../../request/form.ts'
import { publicRoute } from '../../route.ts'
import { emailOf, mapClaims, sessionEndOf, userIdOf } from '../../saml/assertion.ts'
import { fetchMetadata, type IdentityProvider, isStale, readMetadata } from '../../saml/identity-provider.ts'
import { readResponse } from '../../saml/response.ts'
import type { ServiceProvider } from '../../saml/service-provider.ts'
import { childOf, NS, parseXml, textOf, type XmlElement } from '../../saml/xml.ts'
import type { AuthState } from '../../state.ts'
import { claimFlowState, findProviderFlow, type ProviderFlow, takeFlowState } from '../../tables/flow-states.ts'
import { findSsoProvider, findSsoProviderByEntity, refreshMetadata, type SsoProvider, takeRelayState } from '../../tables/sso.ts'
import { tokenFragment } from '../../tokens/answer.ts'
import { issueSession } from '../../tokens/issue.ts'
import { tokenTransaction } from '../../tokens/transaction.ts'
import { samlOn } from './on.ts'

const METHOD = 'sso/saml'
const DISABLED = 'SSO Provider assigned for this domain is currently disabled'
/** Upstream shows the whole response; more than this would not pass as a header. */
const SHOWN = 2_000

/** A person comes back from the identity provider of their company, or comes from there unasked. */
export const ssoAcs = publicRoute({
  method: 'POST',
  path: '/sso/saml/acs',
  limit: 'saml',
  async handle(call, state): Promise<Answer> {
    const sp = samlOn(state)
    try {
      return redirect(302, await arrive(state, call, sp))
    } catch (error) {
      return redirect(303, stateError(error, call, state))
    }
  },
})

interface Begun {
  readonly provider: SsoProvider
  readonly xml: string
  readonly redirectTo: string
  readonly requestId: string | undefined
  readonly flow: ProviderFlow | undefined
}

async function arrive(state: AuthState, call: Call, sp: ServiceProvider): Promise<string> {
  const begun = await begin(state, formOf(call))
  const { provider } = begun
  if (provider.disabled) throw errors.ssoProviderDisabled(DISABLED)
  const idp = await currentMetadata(state, call, provider)
  const assertion = await read(state, call, sp, idp, begun)
  const signIn = { provider: `sso:${provider.id}`, user: userOf(assertion, provider), emailOptional: false }
  const target = state.redirects.allowed(begun.redirectTo) ? begun.redirectTo : state.env.GOTRUE_SITE_URL
  const notAfter = sessionEndOf(assertion)
  const draft = await prepareExternal(state, call, signIn)
  const done = await tokenTransaction(state, async (tx) => {
    const accepted = await acceptExternal(state, tx, call, signIn, draft)
    const { flow } = begun
    if (flow?.code_challenge) {
      if (!(await claimFlowState(tx, flow.id, accepted.user.id, { accessToken: '', refreshToken: '' }))) throw errors.flowStateUsed()
      return { ...accepted, location: withQuery(target, { code: flow.auth_code ?? '' }) }
    }
    if (flow) await takeFlowState(tx, flow.id)
    const answer = await issueSession(state, tx, call, accepted.user, METHOD, notAfter ? { notAfter } : {})
    return { ...accepted, location: withFragment(target, tokenFragment(answer)) }
  })
  if (done.created) await afterUserCreated(state, call, done.user)
  return done.location
}

/** Who sent this person, by the relay state that we gave along, or by what the response itself says. */
async function begin(state: AuthState, form: URLSearchParams): Promise<Begun> {
  const relay = form.get('RelayState') ?? ''
  if (isUuid(relay) && relay !== NIL_UUID) return beginBySite(state, relay, form)
  if (relay !== '' && !isTarget(relay)) throw errors.validation('SAML RelayState is not a valid UUID or URL')
  if (form.get('SAMLart')) throw errors.validation('SAML Artifact response can only be used with SP initiated flow')
  const xml = decode(form)
  let issuer: string
  try {
    issuer = textOf(childOf(parseXml(xml), NS.assertion, 'Issuer'))
  } catch (error) {
    throw errors.validation('SAMLResponse is not a valid XML SAML assertion', error)
  }
  const provider = await findSsoProviderByEntity(state.pool, issuer)
  if (!provider) throw errors.samlIdpNotFound()
  return { provider, xml, redirectTo: relay, requestId: undefined, flow: undefined }
}

async function beginBySite({ env, pool }: AuthState, id: string, form: URLSearchParams): Promise<Begun> {
  const relay = await takeRelayState(pool, id)
  if (!relay) throw errors.samlRelayNotFound()
  if (Date.now() >= relay.created_at.getTime() + env.GOTRUE_SAML_RELAY_STATE_VALIDITY_PERIOD) throw errors.samlRelayExpired()
  const provider = await findSsoProvider(pool, relay.sso_provider_id)
  if (!provider) throw errors.failure('Unable to find SSO Provider from SAML RelayState')
  const flow = relay.flow_state_id ? await findProviderFlow(pool, relay.flow_state_id) : undefined
  return { provider, xml: decode(form), redirectTo: relay.redirect_to, requestId: relay.request_id, flow }
}

const isTarget = (text: string): boolean => text.startsWith('/') || URL.canParse(text)

function decode(form: URLSearchParams): string {
  const text = (form.get('SAMLResponse') ?? '').replace(/[\r\n]/g, '')
  if (text === '') throw errors.validation('SAMLResponse is missing')
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw errors.validation('SAMLResponse is not a valid Base64 string')
  return Buffer.from(text, 'base64').toString('utf8')
}

/** Metadata that its provider publishes is fetched anew when it is over; while that fails, what is there serves on. */
async function currentMetadata(state: AuthState, call: Call, provider: SsoProvider): Promise<IdentityProvider> {
  const known = readMetadata(provider.metadata_xml)
  if (!provider.metadata_url || !isStale(known, provider.saml_updated_at.getTime())) return known
  try {
    const xml = await fetchMetadata(state.outgoing, provider.metadata_url)
    const fresh = readMetadata(xml)
    if (fresh.entityId !== provider.entity_id) throw new Error('the metadata is of another entity')
    await refreshMetadata(state.pool, provider.id, xml)
    return fresh
  } catch (error) {
    state.log.warn({ request_id: call.id, sso_provider_id: provider.id, err: error }, 'SAML metadata could not be fetched again')
    return known
  }
}

async function read(state: AuthState, call: Call, sp: ServiceProvider, idp: IdentityProvider, begun: Begun): Promise<XmlElement> {
  const expected = { sp, idp, requestId: begun.requestId, key: sp.key.privateKey, now: Date.now() }
  try {
    try {
      return await readResponse(begun.xml, expected)
    } catch (error) {
      // An identity provider may have encrypted for the key that is about to take over.
      if (!sp.allowEncrypted || !sp.nextKey) throw error
      return await readResponse(begun.xml, { ...expected, key: sp.nextKey.privateKey }).catch(() => {
        throw error
      })
    }
  } catch (error) {
    state.log.info({ request_id: call.id, sso_provider_id: begun.provider.id, err: error }, 'a SAML response was refused')
    throw errors.validation(`SAML Assertion is not valid ${begun.xml.slice(0, SHOWN)}`)
  }
}

function userOf(assertion: XmlElement, provider: SsoProvider) {
  const sub = userIdOf(assertion)
  if (sub === '') throw errors.samlNoUserId()
  const mapped = mapClaims(assertion, provider.attribute_mapping)
  const email = typeof mapped['email'] === 'string' && mapped['email'] !== '' ? mapped['email'] : emailOf(assertion)
  if (email === '') throw errors.samlNoEmail()
  const claims = { ...standard(mapped, email), sub, iss: provider.entity_id, email, email_verified: true }
  const custom = Object.fromEntries(Object.entries(mapped).filter(([name]) => !isStandardClaim(name) || !(name in identityData(claims))))
  return { emails: [{ email, verified: true, primary: true }], claims: { ...claims, custom_claims: custom } }
}

function standard(mapped: JsonMap, email: string) {
  try {
    return standardClaims({ ...mapped, email })
  } catch (error) {
    throw errors.failure('Mapped claims from provider could not be deserialized from JSON', error)
  }
}
