import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { nested, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({
  id: text,
  email: text,
  first_name: text,
  last_name: text,
  name: text,
  picture: nested({ data: nested({ url: text }) }),
})

export const facebook: ProviderFactory = ({ url, secret }, scopes) => {
  const graph = hostOf(url, 'graph.facebook.com')
  const profileUrl = `${graph}/me?fields=email,first_name,last_name,name,picture`
  return {
    authorizeUrl: `${hostOf(url, 'www.facebook.com')}/dialog/oauth`,
    tokenUrl: `${graph}/oauth/access_token`,
    scopes: ['email', ...scopes],
    async profile(client) {
      // Shows that the token is used by the app that it was given to.
      const proof = createHmac('sha256', secret).update(client.grant.accessToken).digest('hex')
      const user = await client.get(`${profileUrl}&appsecret_proof=${proof}`, profile)
      const name = `${user.first_name} ${user.last_name}`.trim()
      const picture = user.picture.data.url
      return {
        emails: onlyEmail(user.email, true),
        claims: {
          iss: profileUrl,
          sub: user.id,
          name,
          nickname: user.name,
          picture,
          slug: user.name,
          avatar_url: picture,
          full_name: name,
          provider_id: user.id,
        },
      }
    },
  }
}
