// `supabase migration new NAME`: an empty migration named by the present time, or one with what is piped in.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MIGRATIONS_DIR } from '../project/migrations.ts'
import { CliError, type Command } from './command.ts'
import { workDirOf } from './stack-link.ts'

export const migrationNew: Command = {
  name: 'migration new',
  summary: 'Write a new migration file; what is piped in becomes its content',
  args: 'NAME',
  minArgs: 1,
  maxArgs: 1,
  async run(invocation) {
    const { args, io } = invocation
    const name = args[0]!
    if (name === '' || /[/\\\0]/.test(name))
      throw new CliError(`invalid migration name: ${JSON.stringify(name)} would not be one file name`)
    const workDir = workDirOf(invocation)
    const path = join(MIGRATIONS_DIR, `${versionOf(new Date())}_${name}.sql`)
    const content = await io.readInput()
    mkdirSync(join(workDir, MIGRATIONS_DIR), { recursive: true })
    writeFileSync(join(workDir, path), content, { flag: 'wx' })
    io.out(`Created new migration at ${path}\n`)
    return 0
  },
}

/** `yyyymmddHHMMSS` in UTC. */
export const versionOf = (time: Date): string => time.toISOString().slice(0, 19).replace(/\D/g, '')
