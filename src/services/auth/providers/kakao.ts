import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { flag, nested, text, whole } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({
  id: whole,
  kakao_account: nested({
    profile: nested({ nickname: text, profile_image_url: text }),
    email: text,
    is_email_valid: flag,
    is_email_verified: flag,
  }),
})

export const kakao: ProviderFactory = ({ url }, scopes) => {
  const host = hostOf(url, 'kauth.kakao.com')
  const api = hostOf(url, 'kapi.kakao.com')
  return {
    authorizeUrl: `${host}/oauth/authorize`,
    tokenUrl: `${host}/oauth/token`,
    scopes: ['account_email', 'profile_image', 'profile_nickname', ...scopes],
    secretInForm: true,
    async profile(client) {
      const { id, kakao_account: account } = await client.get(`${api}/v2/user/me`, profile)
      const { nickname, profile_image_url: picture } = account.profile
      return {
        emails: onlyEmail(account.email, account.is_email_verified && account.is_email_valid),
        claims: {
          iss: api,
          sub: String(id),
          name: nickname,
          preferred_username: nickname,
          avatar_url: picture,
          full_name: nickname,
          provider_id: String(id),
          user_name: nickname,
        },
      }
    },
  }
}
