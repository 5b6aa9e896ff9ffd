// What a person should know about a `.env` that is right in form.
import { demoSecretsIn } from '../../env/development-keys.ts'
import type { EnvFile } from '../../env/env-file.ts'
import { isLoopback, selfHostedEnv } from '../../env/self-hosted.ts'
import { JwtError } from '../../jwt/error.ts'
import { keySetFrom } from '../../jwt/keys.ts'
import { JwtVerifier } from '../../jwt/verifier.ts'
import { isAnyones } from '../derive/own.ts'
import { httpPortOf, type SelfHosted, textOf } from './dotenv-services.ts'

export async function noticesOf({ env, source, settings }: SelfHosted, file: EnvFile): Promise<string[]> {
  const lines: string[] = []
  for (const name of new Set(file.unset.map((reference) => reference.name))) {
    lines.push(`WARN: .env refers to ${name}, which is not set: it became empty.`)
  }
  for (const name of Object.keys(file.values)) {
    const known = name.replace(/_FILE$/, '')
    if (name.startsWith('PLINTH_') && !(known in selfHostedEnv.shape) && !isAnyones(known) && !OF_THE_COMMAND_LINE.has(known))
      lines.push(`WARN: ${name} in .env is not a setting that Plinth knows.`)
  }
  const demo = demoSecretsIn({ ...source, ...textOf(env) })
  if (demo.length > 0) lines.push(`WARN: these secrets are published demo values, good for this machine only: ${demo.join(', ')}.`)
  for (const name of ['ANON_KEY', 'SERVICE_ROLE_KEY'] as const) {
    const wrong = await whatIsWrongWith(env[name], settings.jwks ?? settings.jwtSecret)
    if (wrong) lines.push(`WARN: ${name} ${wrong}: no service accepts it. Empty its line in .env, and the next start makes it anew.`)
  }
  const publicPort = loopbackPortOf(env.SUPABASE_PUBLIC_URL)
  const ports = [httpPortOf(env), env.KONG_HTTPS_PORT]
  if (publicPort !== undefined && !ports.includes(publicPort))
    lines.push(
      `WARN: SUPABASE_PUBLIC_URL names port ${publicPort} of this machine, but the gateway listens on ${ports[0]}: links lead nowhere.`,
    )
  return lines
}

const OF_THE_COMMAND_LINE: ReadonlySet<string> = new Set(['PLINTH_LOG_LEVEL', 'PLINTH_DEBUG'])

async function whatIsWrongWith(token: string, keys: string): Promise<string | undefined> {
  try {
    await new JwtVerifier(keySetFrom(keys), { cacheSize: 0, checkIssuedAt: false }).verify(token)
    return undefined
  } catch (error) {
    return error instanceof JwtError && error.reason === 'expired' ? 'has expired' : 'is not signed with JWT_SECRET'
  }
}

function loopbackPortOf(url: string | undefined): number | undefined {
  if (url === undefined) return undefined
  const { hostname, port, protocol } = new URL(url)
  if (!isLoopback(hostname.replace(/^\[|\]$/g, ''))) return undefined
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}
