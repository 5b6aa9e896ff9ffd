// [remotes.X]: what differs for one hosted project. Its keys are those of the whole file, validated only when the block is in force.
import { z } from 'zod'
import { literalIssue } from './fields.ts'

export const remotes = z.record(z.string(), z.looseObject({ project_id: z.unknown() })).superRefine((blocks, ctx) => {
  for (const [name, block] of Object.entries(blocks)) {
    if (typeof block.project_id === 'string' && /^[a-z]{20}$/.test(block.project_id)) continue
    ctx.addIssue(literalIssue(`Invalid config for remotes.${name}.project_id. Must be like: abcdefghijklmnopqrst`))
  }
})
