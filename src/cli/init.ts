// `supabase init`: writes supabase/config.toml in this very folder and, in a git repository, what git should leave alone.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { configTemplate } from '../project/template.ts'
import { CONFIG_FILE, projectIdOf } from '../project/workdir.ts'
import { CliError, type Command, flagOn, flagText } from './command.ts'

const IGNORED = ['# Supabase', '.branches', '.temp', '', '# dotenvx', '.env.keys', '.env.local', '.env.*.local'].join('\n')

export const init: Command = {
  name: 'init',
  summary: 'Write supabase/config.toml for a new local project in this folder',
  flags: [
    { name: 'force', kind: 'boolean', help: 'overwrite an existing supabase/config.toml' },
    { name: 'interactive', short: 'i', kind: 'boolean', help: '', hidden: true },
    { name: 'use-orioledb', kind: 'boolean', help: '', hidden: true },
    { name: 'with-vscode-settings', kind: 'boolean', help: '', hidden: true },
    { name: 'with-intellij-settings', kind: 'boolean', help: '', hidden: true },
  ],
  async run({ cwd, flags, io }) {
    if (flagOn(flags, 'use-orioledb')) throw new CliError('OrioleDB is not part of the embedded Postgres.')
    const folder = resolve(cwd, flagText(flags, 'workdir') ?? '.')
    writeConfig(folder, flagOn(flags, 'force'))
    if (isInGitRepository(folder)) ignoreInGit(join(folder, 'supabase', '.gitignore'))
    io.out('Finished supabase init.\n')
    return 0
  },
}

function writeConfig(folder: string, force: boolean): void {
  mkdirSync(join(folder, 'supabase'), { recursive: true })
  try {
    writeFileSync(join(folder, CONFIG_FILE), configTemplate(projectIdOf(folder)), { mode: 0o644, flag: force ? 'w' : 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new CliError(`failed to create config file: open ${CONFIG_FILE}: file exists`, {
      suggestion: 'Run supabase init --force to overwrite existing config file.',
      cause: error,
    })
  }
}

function isInGitRepository(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return true
    if (dirname(at) === at) return false
  }
}

function ignoreInGit(path: string): void {
  const present = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (present.includes(IGNORED)) return
  const gap = present === '' ? '' : present.endsWith('\n') ? '\n' : '\n\n'
  writeFileSync(path, `${present}${gap}${IGNORED}\n`)
}
