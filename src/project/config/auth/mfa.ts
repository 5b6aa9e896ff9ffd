// [auth.mfa]: second factors. A factor that can be enrolled must also be verifiable.
import { bool, duration, literalIssue, table, text, uint } from '../fields.ts'

const switches = { enroll_enabled: bool.default(false), verify_enabled: bool.default(false) }

function bothOrVerify(name: string) {
  return (
    value: { enroll_enabled: boolean; verify_enabled: boolean },
    ctx: { addIssue(issue: ReturnType<typeof literalIssue>): void },
  ): void => {
    if (value.enroll_enabled && !value.verify_enabled) {
      ctx.addIssue(literalIssue(`Invalid MFA config: auth.mfa.${name}.enroll_enabled requires verify_enabled`))
    }
  }
}

export const mfa = table({
  max_enrolled_factors: uint,
  totp: table(switches).superRefine(bothOrVerify('totp')),
  phone: table({ ...switches, otp_length: uint, template: text, max_frequency: duration }).superRefine(bothOrVerify('phone')),
  web_authn: table(switches).superRefine(bothOrVerify('web_authn')).optional(),
})
