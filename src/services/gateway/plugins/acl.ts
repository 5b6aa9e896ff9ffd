// Lets a consumer pass by the groups it belongs to. Upstream: Kong's `acl`.
import { z } from 'zod'
import { text } from '../config/fields.ts'
import { definePlugin } from '../plugin.ts'

const groups = z.array(text).optional()

export const acl = definePlugin({
  name: 'acl',
  priority: 950,
  takesConsumer: false,
  config: z
    .strictObject({ allow: groups, deny: groups, whitelist: groups, blacklist: groups, hide_groups_header: z.boolean().default(false) })
    // The names before 2.1.
    .transform(({ whitelist, blacklist, allow, deny, ...rest }) => ({ ...rest, allow: allow ?? whitelist, deny: deny ?? blacklist }))
    .refine(
      ({ allow, deny }) => (allow === undefined) !== (deny === undefined),
      'exactly one of these fields must be non-empty: allow, deny',
    ),
  access:
    ({ allow, deny, hide_groups_header }) =>
    (exchange) => {
      const member = exchange.consumer?.groups
      if (!member) return exchange.refuse(401, 'Unauthorized')
      const blocked = allow ? !allow.some((group) => member.has(group)) : deny?.some((group) => member.has(group))
      if (blocked) return exchange.refuse(403, 'You cannot consume this service')
      if (hide_groups_header) exchange.headers.remove('x-consumer-groups')
      else exchange.setHeader('X-Consumer-Groups', [...member].join(', '))
      return undefined
    },
})
