// [auth.external.X]: OAuth providers.
import { bool, literalIssue, named, table, text } from '../fields.ts'

/** Providers whose secret may be absent: their users sign in with ID tokens. */
const WITHOUT_SECRET: ReadonlySet<string> = new Set(['apple', 'google'])
/** Providers that upstream has replaced by others: left out, with a warning. */
export const DROPPED_PROVIDERS: ReadonlySet<string> = new Set(['linkedin', 'slack'])

const provider = table({
  enabled: bool.default(false),
  client_id: text.default(''),
  secret: text.default(''),
  redirect_uri: text.default(''),
  url: text.default(''),
  skip_nonce_check: bool.default(false),
  email_optional: bool.default(false),
})

export const external = named(provider).superRefine((providers, ctx) => {
  for (const [name, { enabled, client_id, secret }] of Object.entries(providers)) {
    if (!enabled || DROPPED_PROVIDERS.has(name)) continue
    if (client_id === '') ctx.addIssue(literalIssue(`Missing required field in config: auth.external.${name}.client_id`))
    if (secret === '' && !WITHOUT_SECRET.has(name)) {
      ctx.addIssue(literalIssue(`Missing required field in config: auth.external.${name}.secret`))
    }
  }
})
