// Knows a consumer by a key in a header, the query or the body. Upstream: Kong's `key-auth`.
import { z } from 'zod'
import { changedBody, type Fields, readFields } from '../body.ts'
import { headerName } from '../config/fields.ts'
import type { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { identify } from '../identity.ts'
import { definePlugin, PluginConfigError } from '../plugin.ts'

const CHALLENGE = [['WWW-Authenticate', 'Key realm="kong"']] as const

/** A key that was sent more than once. */
const DUPLICATE = Symbol('duplicate')

export const keyAuth = definePlugin({
  name: 'key-auth',
  priority: 1003,
  takesConsumer: false,
  config: z
    .strictObject({
      key_names: z.array(headerName).min(1).default(['apikey']),
      key_in_header: z.boolean().default(true),
      key_in_query: z.boolean().default(true),
      key_in_body: z.boolean().default(false),
      hide_credentials: z.boolean().default(false),
      anonymous: z.string().optional(),
      run_on_preflight: z.boolean().default(true),
    })
    .refine(
      (c) => c.key_in_header || c.key_in_query || c.key_in_body,
      'at least one of key_in_header, key_in_query and key_in_body must be true',
    ),
  access: (config, { credentials, consumer }) => {
    const names = config.key_names.map((name) => ({ name, key: name.toLowerCase() }))
    const nobody = config.anonymous === undefined ? undefined : consumer(config.anonymous)
    if (config.anonymous && !nobody) throw new PluginConfigError(['anonymous'], `no consumer '${config.anonymous}'`)

    const sent = (exchange: Exchange, fields: Fields | undefined): string | typeof DUPLICATE | undefined => {
      for (const { name, key } of names) {
        if (config.key_in_header && exchange.headers.has(key)) {
          const found = exchange.headers.get(key)
          const repeated = exchange.headers.repeated(key)
          if (config.hide_credentials) exchange.headers.remove(key)
          if (repeated) return DUPLICATE
          if (found) return found
        }
        if (config.key_in_query && exchange.target.query !== '') {
          const found = exchange.query.all(name)
          if (config.hide_credentials && found.length > 0) exchange.changeQuery((query) => query.remove(name))
          if (found.length > 1) return DUPLICATE
          if (found[0]) return found[0]
        }
        if (fields?.has(name)) {
          const found = fields.text(name)
          if (config.hide_credentials) {
            fields.remove(name)
            changedBody(exchange, fields)
          }
          if (found) return found
        }
      }
      return undefined
    }

    const judge = (exchange: Exchange, fields: Fields | undefined): Refusal | undefined => {
      const key = sent(exchange, fields)
      const credential = typeof key === 'string' ? credentials.byKey(key) : undefined
      if (credential) {
        identify(exchange, credential.consumer, { id: credential.id })
        return undefined
      }
      if (nobody) {
        identify(exchange, nobody, undefined)
        return undefined
      }
      if (key === undefined) return exchange.refuse(401, 'No API key found in request', CHALLENGE)
      return exchange.refuse(401, key === DUPLICATE ? 'Duplicate API key found' : 'Invalid authentication credentials')
    }

    return (exchange) => {
      if (!config.run_on_preflight && exchange.method === 'OPTIONS') return undefined
      // With `anonymous` several methods form an OR: whom an earlier one knew stays known.
      if (nobody && exchange.credentialId !== undefined) return undefined
      if (!config.key_in_body) return judge(exchange, undefined)
      return readFields(exchange).then((read) => ('refusal' in read ? read.refusal : judge(exchange, read.fields)))
    }
  },
})
