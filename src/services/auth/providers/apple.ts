// Sign in with Apple: posts its answer, and tells the person's name at the first sign-in only.
import { z } from 'zod'
import { nested, text } from './fields.ts'
import { ISSUERS } from './oidc/names.ts'
import { idTokenOf, openIssuer, profileOfIdToken, UNKNOWN_USER } from './oidc/sign-in.ts'
import type { ProviderFactory } from './provider.ts'

const posted = z.object({ name: nested({ firstName: text, lastName: text }) })

export const apple: ProviderFactory = async ({ clientId, secret }, _scopes, issuers) => {
  const issuer = await openIssuer(issuers, ISSUERS.apple)
  return {
    authorizeUrl: issuer.document.authorization_endpoint ?? '',
    tokenUrl: issuer.document.token_endpoint ?? '',
    scopes: ['email', 'name'],
    authorizeParams: { response_mode: 'form_post' },
    fixedParams: true,
    tokenParams: { client_id: clientId, secret },
    // Tokens of the other of Apple's two names are as good.
    profile: async (client) => (idTokenOf(client) ? profileOfIdToken(client, issuer, clientId, undefined) : UNKNOWN_USER),
    amend(user, form) {
      const given = form.get('user')
      if (!given) return user
      const { name } = posted.parse(JSON.parse(given))
      const full = `${name.firstName} ${name.lastName}`.trim()
      return { ...user, claims: { ...user.claims, name: full, full_name: full } }
    },
  }
}
