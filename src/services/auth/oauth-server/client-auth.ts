// How a client shows who it is at the token endpoint: the Authorization header, the body, or, for public clients, its name alone.
import { z } from 'zod'
import { errors } from '../errors.ts'
import { isUuid } from '../request/addresses.ts'
import { string } from '../request/body.ts'
import { type Call, formValue, header } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import { findClient, type OAuthClient, type TokenAuthMethod } from '../tables/oauth-clients.ts'
import { isSecret } from './clients.ts'

interface Credentials {
  readonly id: string
  readonly secret: string
  readonly method: TokenAuthMethod
}

export const isJson = (call: Call): boolean => header(call, 'content-type').includes('application/json')

const named = z.object({ client_id: string, client_secret: string })
const refused = (why: string) => errors.clientRefused(`Invalid client credentials: ${why}`)

function credentialsOf(call: Call): Credentials {
  const authorization = header(call, 'authorization')
  if (authorization.startsWith('Basic ')) return basic(authorization.slice('Basic '.length))
  const { id, secret } = isJson(call) ? inJson(call.body) : { id: formValue(call, 'client_id'), secret: formValue(call, 'client_secret') }
  if (id === '') throw refused('client_id is required')
  return { id, secret, method: secret === '' ? 'none' : 'client_secret_post' }
}

function basic(encoded: string): Credentials {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded) || encoded.length % 4 !== 0) throw refused('invalid basic auth encoding')
  const text = Buffer.from(encoded, 'base64').toString()
  const at = text.indexOf(':')
  if (at < 0) throw refused('invalid basic auth format')
  return { id: text.slice(0, at), secret: text.slice(at + 1), method: 'client_secret_basic' }
}

function inJson(body: string): { id: string; secret: string } {
  try {
    const { client_id: id, client_secret: secret } = named.parse(JSON.parse(body))
    return { id, secret }
  } catch {
    throw refused('failed to parse JSON body') // what the parser says would quote the body, and with it a secret
  }
}

/** The client that the request comes from. Throws `invalid_credentials`. */
export async function authenticateClient(state: AuthState, call: Call): Promise<OAuthClient> {
  const { id, secret, method } = credentialsOf(call)
  if (!isUuid(id)) throw errors.clientRefused('Invalid client_id format')
  const client = await findClient(state.pool, id)
  if (!client) throw errors.clientRefused('Invalid client credentials')
  if (method !== client.authMethod)
    throw errors.clientRefused(`invalid authentication method: client is registered for '${client.authMethod}' but '${method}' was used`)
  if (client.type === 'public') {
    if (secret !== '') throw errors.clientRefused('public clients must not provide client_secret')
    return client
  }
  if (secret === '') throw errors.clientRefused('confidential clients must provide client_secret')
  if (!isSecret(secret, client.secretHash)) throw errors.clientRefused('invalid client credentials')
  return client
}
