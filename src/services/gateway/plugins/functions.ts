// pre-function and post-function without Lua: the chunks that Supabase's files hold are known by their text, every other one is
// refused when the file is read. Upstream: Kong's `pre-function`, `post-function`.
import { z } from 'zod'
import { type AccessStep, definePlugin } from '../plugin.ts'

/** A chunk that is known: what it looks like with blanks evened out, and what it does. */
interface KnownChunk {
  readonly pattern: RegExp
  readonly run: (groups: Readonly<Record<string, string>>) => AccessStep
}

const known: readonly KnownChunk[] = [
  {
    // Takes a header away that is empty or blank, so that the service sees none.
    pattern:
      /^local (?<v>\w+) = kong\.request\.get_header\((?<q>["'])(?<header>[\w-]+)\k<q>\) if \k<v> == nil or \k<v> == (?:""|'') or \k<v>:find\((?:"\^%s\*\$"|'\^%s\*\$')\) then kong\.service\.request\.clear_header\((?:"\k<header>"|'\k<header>')\) end$/,
    run: ({ header }) => {
      const key = header!.toLowerCase()
      return (exchange) => {
        const value = exchange.headers.get(key)
        if (value !== undefined && value.trim() === '') exchange.headers.remove(key)
        return undefined
      }
    },
  },
]

function stepOf(chunk: string): AccessStep | undefined {
  const even = chunk
    .replace(/--[^\n]*/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  for (const { pattern, run } of known) {
    const match = pattern.exec(even)
    if (match) return run(match.groups as Record<string, string>)
  }
  return undefined
}

const chunks = z
  .array(
    z.string().superRefine((chunk, ctx) => {
      if (!stepOf(chunk))
        ctx.addIssue({
          code: 'custom',
          message: `this Lua chunk is not known and cannot be run here; known are chunks that clear a blank header (it begins: ${JSON.stringify(chunk.trim().slice(0, 60))})`,
        })
    }),
  )
  .optional()

const none = z.array(z.string()).max(0, 'chunks of this phase cannot be run here').optional()

const config = z
  .strictObject({ access: chunks, functions: chunks, rewrite: none, header_filter: none, body_filter: none, log: none, certificate: none })
  .refine(({ access, functions }) => (access ?? functions ?? []).length > 0, 'at least one chunk is needed')

function access({ access = [], functions = [] }: z.output<typeof config>): AccessStep {
  const steps = [...access, ...functions].map((chunk) => stepOf(chunk)!)
  return (exchange) => {
    for (const step of steps) void step(exchange)
    return undefined
  }
}

export const preFunction = definePlugin({ name: 'pre-function', priority: Number.POSITIVE_INFINITY, config, access })
export const postFunction = definePlugin({ name: 'post-function', priority: -1000, config, access })
