// `supabase gen bearer-jwt`: a token for one role, signed with the project's first signing key.

import { parseDuration } from '../env/types.ts'
import { signJwt } from '../jwt/sign.ts'
import { signingKeysOf } from '../project/signing-keys.ts'
import { CliError, type Command, type FlagValues, flagText } from './command.ts'
import { openProject } from './project-link.ts'

export const genBearerJwt: Command = {
  name: 'gen bearer-jwt',
  summary: 'Make a token for a role',
  flags: [
    { name: 'role', kind: 'string', value: 'ROLE', help: 'role of the token: anon, authenticated, service_role or one of your own' },
    { name: 'sub', kind: 'string', value: 'ID', help: 'id of the user' },
    { name: 'exp', kind: 'string', value: 'TIME', help: 'when the token ends (RFC 3339)' },
    { name: 'valid-for', kind: 'string', value: 'DURATION', help: 'how long the token is good (default 30m)' },
    { name: 'payload', kind: 'string', value: 'JSON', help: 'further claims' },
  ],
  required: ['role'],
  exclusive: [['exp', 'valid-for']],
  async run(invocation) {
    const claims = claimsOf(invocation.flags, Math.floor(Date.now() / 1000))
    const { keys } = signingKeysOf(openProject(invocation))
    invocation.io.out(`${await signJwt(claims, keys[0]!)}\n`)
    return 0
  },
}

export function claimsOf(flags: FlagValues, now: number): Record<string, unknown> {
  const role = flagText(flags, 'role')
  const sub = flagText(flags, 'sub')
  const anonymous = role === 'authenticated' && sub === undefined
  return {
    role,
    ...(sub === undefined ? {} : { sub }),
    ...(anonymous ? { is_anonymous: true } : {}),
    iat: now,
    exp: endOf(flags, now),
    ...payloadOf(flags),
  }
}

function endOf(flags: FlagValues, now: number): number {
  const exp = flagText(flags, 'exp')
  if (exp !== undefined) {
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(exp) ? Date.parse(exp) : Number.NaN
    if (Number.isNaN(time)) throw new CliError(`invalid argument "${exp}" for "--exp" flag: not a time in RFC 3339`)
    return Math.floor(time / 1000)
  }
  const validFor = flagText(flags, 'valid-for') ?? '30m'
  const ms = parseDuration(validFor)
  if (ms === undefined) throw new CliError(`invalid argument "${validFor}" for "--valid-for" flag: not a duration such as 30m or 1h30m`)
  return now + Math.floor(ms / 1000)
}

function payloadOf(flags: FlagValues): Record<string, unknown> {
  const payload = flagText(flags, 'payload')
  if (payload === undefined) return {}
  try {
    const claims: unknown = JSON.parse(payload)
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return claims as Record<string, unknown>
  } catch {
    // Not JSON: the same error as JSON of another shape.
  }
  throw new CliError('failed to parse payload: expected a JSON object')
}
