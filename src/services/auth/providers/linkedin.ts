// LinkedIn's older interface; `linkedin_oidc` is the one that new applications get.
import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { listOf, nested, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const localName = z.object({
  localized: z.record(z.string(), z.string()),
  preferredLocale: nested({ country: text, language: text }),
})
const profile = z.object({
  id: text,
  firstName: localName,
  lastName: localName,
  profilePicture: nested({
    'displayImage~': nested({ elements: listOf(z.object({ identifiers: listOf(z.object({ identifier: text })) })) }),
  }),
})
const addresses = z.object({ elements: z.array(z.object({ 'handle~': nested({ emailAddress: text }) })).min(1) })

export const linkedin: ProviderFactory = ({ url }, scopes) => {
  const api = hostOf(url, 'api.linkedin.com')
  return {
    authorizeUrl: `${api}/oauth/v2/authorization`,
    tokenUrl: `${api}/oauth/v2/accessToken`,
    scopes: ['r_emailaddress', 'r_liteprofile', ...scopes],
    async profile(client) {
      const user = await client.get(
        `${api}/v2/me?projection=(id,firstName,lastName,profilePicture(displayImage~:playableStreams))`,
        profile,
      )
      const { elements } = await client.get(`${api}/v2/emailAddress?q=members&projection=(elements*(handle~))`, addresses)
      const name = `${nameOf(user.firstName)} ${nameOf(user.lastName)}`.trim()
      const picture = user.profilePicture['displayImage~'].elements[0]?.identifiers[0]?.identifier ?? ''
      return {
        emails: onlyEmail(elements[0]!['handle~'].emailAddress, true),
        claims: { iss: api, sub: user.id, name, picture, avatar_url: picture, full_name: name, provider_id: user.id },
      }
    },
  }
}

function nameOf({ localized, preferredLocale: { language, country } }: z.output<typeof localName>): string {
  const key = `${language}_${country}`
  if (!Object.hasOwn(localized, key)) throw new Error('linkedin: the name is not given in the preferred language')
  return localized[key]!
}
