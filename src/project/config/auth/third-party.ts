// [auth.third_party.X]: issuers elsewhere whose tokens are accepted beside our own.
import { bool, literalIssue, table, text } from '../fields.ts'

const REQUIRED = {
  firebase: ['project_id'],
  auth0: ['tenant'],
  aws_cognito: ['user_pool_id', 'user_pool_region'],
  clerk: ['domain'],
  workos: ['issuer_url'],
} as const
type Provider = keyof typeof REQUIRED

export const thirdParty = table({
  firebase: table({ enabled: bool.default(false), project_id: text.default('') }).optional(),
  auth0: table({ enabled: bool.default(false), tenant: text.default(''), tenant_region: text.default('') }).optional(),
  aws_cognito: table({ enabled: bool.default(false), user_pool_id: text.default(''), user_pool_region: text.default('') }).optional(),
  clerk: table({ enabled: bool.default(false), domain: text.default('') }).optional(),
  workos: table({ enabled: bool.default(false), issuer_url: text.default('') }).optional(),
}).superRefine((value, ctx) => {
  const on = (Object.keys(REQUIRED) as Provider[]).filter((name) => value[name]?.enabled)
  if (on.length > 1) ctx.addIssue(literalIssue('Invalid config: Only one third_party provider allowed to be enabled at a time.'))
  for (const name of on) {
    const keys = value[name] as Readonly<Record<string, unknown>>
    for (const key of REQUIRED[name]) {
      if (!keys[key]) ctx.addIssue(literalIssue(`Missing required field in config: auth.third_party.${name}.${key}`))
    }
  }
})

/** The issuer of the enabled provider; its keys are found by OIDC discovery. */
export function thirdPartyIssuer(value: ReturnType<typeof thirdParty.parse>): string | undefined {
  const { firebase, auth0, aws_cognito, clerk, workos } = value
  if (firebase?.enabled) return `https://securetoken.google.com/${firebase.project_id}`
  if (auth0?.enabled) return `https://${auth0.tenant}${auth0.tenant_region ? `.${auth0.tenant_region}` : ''}.auth0.com`
  if (aws_cognito?.enabled) return `https://cognito-idp.${aws_cognito.user_pool_region}.amazonaws.com/${aws_cognito.user_pool_id}`
  if (clerk?.enabled) return `https://${clerk.domain}`
  return workos?.enabled ? workos.issuer_url : undefined
}
