import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { flag, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({
  avatar: text,
  discriminator: text,
  email: text,
  id: text,
  username: text,
  global_name: text,
  verified: flag,
})
type Profile = z.output<typeof profile>

export const discord: ProviderFactory = ({ url }, scopes) => {
  const api = `${hostOf(url, 'discord.com')}/api`
  return {
    authorizeUrl: `${api}/oauth2/authorize`,
    tokenUrl: `${api}/oauth2/token`,
    scopes: ['email', 'identify', ...scopes],
    async profile(client) {
      const user = await client.get(`${api}/users/@me`, profile)
      const picture = pictureOf(user)
      return {
        emails: onlyEmail(user.email, user.verified),
        claims: {
          iss: api,
          sub: user.id,
          name: `${user.username}#${user.discriminator}`,
          picture,
          custom_claims: { global_name: user.global_name },
          avatar_url: picture,
          full_name: user.username,
          provider_id: user.id,
        },
      }
    },
  }
}

/** Of the person, animated where they have such a one, else one of Discord's five. */
function pictureOf({ id, avatar, discriminator }: Profile): string {
  if (avatar !== '') return `https://cdn.discordapp.com/avatars/${id}/${avatar}.${avatar.startsWith('a_') ? 'gif' : 'png'}`
  if (!/^[+-]?\d+$/.test(discriminator)) throw new Error('discord: the discriminator is not a number')
  return `https://cdn.discordapp.com/embed/avatars/${Number(discriminator) % 5}.png`
}
