// The variables that upstream's entrypoint computes for the file: the expressions that swap opaque keys for internal tokens, and the
// path of the OAuth metadata. Set in the environment they win.
import type { Variables } from './substitute.ts'

/** An issuer that is no URL: upstream's sentence. */
export class IssuerError extends Error {}

/** Throws IssuerError. */
export function expressionVariables(variables: Variables): Record<string, string> {
  return { ...keyExpressions(variables), WELL_KNOWN_OAUTH_PATH: wellKnownPath(variables['JWT_ISSUER']) }
}

const OWN_TOKEN = "headers.authorization ~= nil and headers.authorization:sub(1, 10) ~= 'Bearer sb_' and headers.authorization"

function keyExpressions(variables: Variables): Record<string, string> {
  const secret = variables['SUPABASE_SECRET_KEY']
  const publishable = variables['SUPABASE_PUBLISHABLE_KEY']
  if (!secret || !publishable)
    return {
      LUA_AUTH_EXPR: `$((${OWN_TOKEN}) or headers.apikey)`,
      LUA_RT_WS_EXPR: '$(query_params.apikey)',
      LUA_FUNCTIONS_EXPR: '$(nil)',
    }
  const service = variables['SERVICE_ROLE_KEY_ASYMMETRIC'] ?? ''
  const anon = variables['ANON_KEY_ASYMMETRIC'] ?? ''
  const swap = (what: string, scheme: string) =>
    `(${what} == ${quoted(scheme + secret)} and ${quoted(service)}) or (${what} == ${quoted(scheme + publishable)} and ${quoted(anon)})`
  return {
    LUA_AUTH_EXPR: `$((${OWN_TOKEN}) or (headers.apikey == ${quoted(secret)} and ${quoted(`Bearer ${service}`)}) or (headers.apikey == ${quoted(publishable)} and ${quoted(`Bearer ${anon}`)}) or headers.apikey)`,
    LUA_RT_WS_EXPR: `$(${swap('query_params.apikey', '')} or query_params.apikey)`,
    LUA_FUNCTIONS_EXPR: `$(${swap('headers.apikey', '')} or ${swap('headers.authorization', 'Bearer ')} or nil)`,
  }
}

/** A text as Lua writes it. */
function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, (char) => `\\${char}`).replace(/\n/g, '\\n')}'`
}

const WELL_KNOWN = '/.well-known/oauth-authorization-server'

function wellKnownPath(issuer: string | undefined): string {
  if (!issuer) return WELL_KNOWN
  if (!/^https?:\/\//.test(issuer)) throw new IssuerError(`JWT_ISSUER must start with http:// or https:// (got: ${issuer})`)
  return WELL_KNOWN + issuer.replace(/^https?:\/\/[^/]*/, '').replace(/\/+$/, '')
}
