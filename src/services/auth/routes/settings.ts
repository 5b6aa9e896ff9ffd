import { type AuthEnv, PROVIDERS } from '../env.ts'
import { ok } from '../request/call.ts'
import { publicRoute } from '../route.ts'

type Unlisted = 'X' | 'VERCEL_MARKETPLACE'
const LISTED = PROVIDERS.filter((name): name is Exclude<typeof name, Unlisted> => name !== 'X' && name !== 'VERCEL_MARKETPLACE')

/** What a sign-in page needs to know: which ways in are open. */
export const settings = publicRoute({
  method: 'GET',
  path: '/settings',
  handle: async (_call, { env }) =>
    ok({
      external: {
        anonymous_users: env.GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED,
        ...providers(env),
        email: env.GOTRUE_EXTERNAL_EMAIL_ENABLED,
        phone: env.GOTRUE_EXTERNAL_PHONE_ENABLED,
      },
      disable_signup: env.GOTRUE_DISABLE_SIGNUP,
      mailer_autoconfirm: env.GOTRUE_MAILER_AUTOCONFIRM,
      phone_autoconfirm: env.GOTRUE_SMS_AUTOCONFIRM,
      sms_provider: env.GOTRUE_SMS_PROVIDER,
      saml_enabled: env.GOTRUE_SAML_ENABLED,
      saml_private_key_next_configured: env.GOTRUE_SAML_PRIVATE_KEY_NEXT !== undefined,
      passkeys_enabled: env.GOTRUE_PASSKEY_ENABLED,
    }),
})

const providers = (env: AuthEnv): Record<string, boolean> =>
  Object.fromEntries(LISTED.map((name) => [name.toLowerCase(), env[`GOTRUE_EXTERNAL_${name}_ENABLED`]]))
