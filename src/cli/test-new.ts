// `supabase test new NAME`: a first pgTAP test.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CliError, type Command } from './command.ts'
import { workDirOf } from './stack-link.ts'

const TESTS_DIR = join('supabase', 'tests')

const content = (name: string): string => `begin;
select plan(1);

select pass('${name.replaceAll("'", "''")} is written');

select * from finish();
rollback;
`

export const testNew: Command = {
  name: 'test new',
  summary: 'Write a new database test',
  args: 'NAME',
  minArgs: 1,
  maxArgs: 1,
  flags: [{ name: 'template', short: 't', kind: 'string', value: 'KIND', oneOf: ['pgtap'], default: 'pgtap', help: 'kind of test' }],
  async run(invocation) {
    const name = invocation.args[0]!
    if (name === '' || /[/\\\0]/.test(name)) throw new CliError(`invalid test name: ${JSON.stringify(name)} would not be one file name`)
    const workDir = workDirOf(invocation)
    const path = join(TESTS_DIR, `${name}_test.sql`)
    mkdirSync(join(workDir, TESTS_DIR), { recursive: true })
    try {
      writeFileSync(join(workDir, path), content(name), { flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new CliError(`${path} already exists.`, { cause: error })
      throw error
    }
    invocation.io.out(`Created new pgtap test at ${path}.\n`)
    return 0
  },
}
