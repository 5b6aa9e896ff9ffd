// Refuses crawlers by their User-Agent. Upstream: Kong's `bot-detection`.
import { z } from 'zod'
import { definePlugin } from '../plugin.ts'

const patterns = z
  .array(
    z.string().transform((source, ctx) => {
      try {
        return new RegExp(source)
      } catch {
        ctx.addIssue({ code: 'custom', message: `not a valid regex: ${source}` })
        return z.NEVER
      }
    }),
  )
  .optional()

/** Names by which crawlers, fetchers and scanners go; linear to match, whatever is sent. */
const CRAWLERS = [
  // Anything that calls itself a bot, a spider or the like. CUBOT is a telephone.
  /(?<![Cc][Uu])[Bb]ot(?:[^a-z]|$)|[Ss][Pp][Ii][Dd][Ee][Rr]|[Cc][Rr][Aa][Ww][Ll]|[Ss]crap(?:e|y)|[Ii]ndexer|[Aa]rchiver/,
  /facebookexternalhit\/|Pingdom|Google.*\/\+\/web\/snippet|Mediapartners-Google|AdsBot-Google|BingPreview|Slurp|Yandex|Yahoo/,
  /Google-HTTP-Java-Client|Apache-HttpClient|Python-urllib|HttpMonitor|TLSProber|WinHTTP|MSIECrawler/,
  /\b(?:Nutch|heritrix|htdig|ia_archiver|Teoma|Ask Jeeves|WordPress|WhatWeb|Xenu|findlinks|facebookcatalog|Feedly|Netvibes|Qwantify)/,
]
const MAX_AGENT_BYTES = 4 * 1024

export const botDetection = definePlugin({
  name: 'bot-detection',
  priority: 2500,
  takesConsumer: false,
  config: z
    .strictObject({ allow: patterns, deny: patterns, whitelist: patterns, blacklist: patterns })
    .transform(({ allow, deny, whitelist, blacklist }) => ({ allow: allow ?? whitelist ?? [], deny: deny ?? blacklist ?? [] })),
  access: ({ allow, deny }) => {
    const refused = [...deny, ...CRAWLERS]
    return (exchange) => {
      const agent = exchange.headers.get('user-agent')
      if (agent === undefined) return undefined
      if (exchange.headers.repeated('user-agent')) return exchange.refuse(400, 'Only one User-Agent header allowed')
      const shown = agent.trim().slice(0, MAX_AGENT_BYTES)
      if (allow.some((pattern) => pattern.test(shown))) return undefined
      return refused.some((pattern) => pattern.test(shown)) ? exchange.refuse(403, 'Forbidden') : undefined
    }
  },
})
