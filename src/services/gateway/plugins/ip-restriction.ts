// Lets addresses pass or not. Upstream: Kong's `ip-restriction`.
import { z } from 'zod'
import { AddressSet } from '../client.ts'
import { between, text } from '../config/fields.ts'
import { definePlugin } from '../plugin.ts'

const addresses = z
  .array(
    z.string().superRefine((item, ctx) => {
      try {
        new AddressSet([item])
      } catch (error) {
        ctx.addIssue({ code: 'custom', message: (error as Error).message })
      }
    }),
  )
  .optional()

export const ipRestriction = definePlugin({
  name: 'ip-restriction',
  priority: 990,
  config: z
    .strictObject({
      allow: addresses,
      deny: addresses,
      whitelist: addresses,
      blacklist: addresses,
      status: between(100, 599).default(403),
      message: text.default('Your IP address is not allowed'),
    })
    .transform(({ whitelist, blacklist, allow, deny, ...rest }) => ({
      ...rest,
      allow: allow ?? whitelist ?? [],
      deny: deny ?? blacklist ?? [],
    }))
    .refine(({ allow, deny }) => allow.length > 0 || deny.length > 0, "at least one of these fields must be non-empty: 'allow', 'deny'"),
  access: ({ allow, deny, status, message }) => {
    const allowed = allow.length > 0 ? new AddressSet(allow) : undefined
    const denied = new AddressSet(deny)
    return (exchange) => {
      const { address } = exchange.client
      if (denied.has(address) || (allowed && !allowed.has(address))) return exchange.refuse(status, message)
      return undefined
    }
  },
})
