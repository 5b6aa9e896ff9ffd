// Knows a consumer by name and password. Upstream: Kong's `basic-auth`.
import { z } from 'zod'
import type { Exchange } from '../exchange.ts'
import { identify } from '../identity.ts'
import { definePlugin, PluginConfigError } from '../plugin.ts'

const CHALLENGE = [['WWW-Authenticate', 'Basic realm="kong"']] as const

export const basicAuth = definePlugin({
  name: 'basic-auth',
  priority: 1001,
  takesConsumer: false,
  config: z.strictObject({ hide_credentials: z.boolean().default(false), anonymous: z.string().optional() }),
  access: ({ hide_credentials, anonymous }, { credentials, consumer }) => {
    const nobody = anonymous === undefined ? undefined : consumer(anonymous)
    if (anonymous && !nobody) throw new PluginConfigError(['anonymous'], `no consumer '${anonymous}'`)
    return (exchange) => {
      if (nobody && exchange.credentialId !== undefined) return undefined
      const sent = sentHeader(exchange)
      const pair = sent && readPair(sent.value)
      if (hide_credentials && sent) exchange.headers.remove(sent.key)
      const credential = pair && credentials.byPassword(pair.username, pair.password)
      if (credential) {
        identify(exchange, credential.consumer, { id: credential.username, username: credential.username })
        return undefined
      }
      if (nobody) {
        identify(exchange, nobody, undefined)
        return undefined
      }
      return sent ? exchange.refuse(401, 'Invalid authentication credentials') : exchange.refuse(401, 'Unauthorized', CHALLENGE)
    }
  },
})

function sentHeader({ headers }: Exchange): { key: string; value: string } | undefined {
  for (const key of ['proxy-authorization', 'authorization']) {
    const value = headers.get(key)
    if (value) return { key, value }
  }
  return undefined
}

/** Name and password of `Basic <base64>`: the name ends at the first colon. */
function readPair(header: string): { username: string; password: string } | undefined {
  const encoded = /^\s*basic\s+([A-Za-z0-9+/=_-]+)\s*$/i.exec(header)?.[1]
  if (!encoded) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
