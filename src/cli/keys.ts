// `plinth keys`: shows the keys of a self-hosted stack, makes what is missing in its `.env`, or gives new ones.
import { join } from 'node:path'
import { completeEnvFile, readEnvFile, updateEnvFile } from '../env/env-file.ts'
import { EnvError, readEnv } from '../env/read.ts'
import { KEPT, type Rotation, rotate } from '../env/rotate.ts'
import { selfHostedEnv } from '../env/self-hosted.ts'
import type { Environment } from '../service/definition.ts'
import { isFree } from '../stack/ports.ts'
import { currentRun } from '../stack/run-file.ts'
import { formOf, stateDirOf } from '../stack/state-dir.ts'
import { CliError, type Command, flagOn, flagText, type Invocation } from './command.ts'
import { workDirOf } from './stack-link.ts'
import { formatValues } from './status-output.ts'

const SHOWN = [
  'JWT_SECRET',
  'ANON_KEY',
  'SERVICE_ROLE_KEY',
  'SUPABASE_PUBLISHABLE_KEY',
  'SUPABASE_SECRET_KEY',
  'ANON_KEY_ASYMMETRIC',
  'SERVICE_ROLE_KEY_ASYMMETRIC',
  'JWT_KEYS',
  'JWT_JWKS',
] as const

const ROTATION_FLAGS: readonly (readonly [flag: string, what: Rotation])[] = [
  ['rotate', 'opaque'],
  ['key-pair', 'key-pair'],
  ['jwt', 'jwt'],
  ['rotate-all', 'all'],
]

/** What a person loses by it; asked before it is done. */
const WARNINGS: Readonly<Record<Rotation, string | undefined>> = {
  opaque: undefined,
  'key-pair': undefined,
  jwt: 'Every person who is signed in is signed out, and every program with the old anon or service_role key is locked out.',
  all: `Every person who is signed in is signed out, and every program with an old key or password is locked out. (${KEPT.join(', ')} stay: stored data are encrypted with them.)`,
}

export const keys: Command = {
  name: 'keys',
  summary: 'Show the keys of a self-hosted stack, make missing ones, or rotate them',
  flags: [
    { name: 'rotate', kind: 'boolean', help: 'give new publishable and secret keys; nothing else changes' },
    { name: 'key-pair', kind: 'boolean', help: 'give user tokens a new ES256 key pair; what JWT_SECRET signed stays valid' },
    { name: 'jwt', kind: 'boolean', help: 'give a new JWT_SECRET and everything it signs: signs everybody out' },
    { name: 'rotate-all', kind: 'boolean', help: 'give new values to every secret that no stored data are encrypted with' },
  ],
  exclusive: [['rotate', 'key-pair', 'jwt', 'rotate-all']],
  async run(invocation) {
    const { env, flags, io } = invocation
    const workDir = workDirOf(invocation)
    if (formOf(workDir) === 'project') {
      throw new CliError('The keys of a local project come from supabase/config.toml.', {
        suggestion: 'Run status to see them, or gen signing-key to make keys of its own.',
      })
    }
    const path = join(workDir, '.env')
    const file = await completeEnvFile({
      path,
      env,
      isFree: (port) => isFree('127.0.0.1', port),
      report: (line) => io.err(`${line}\n`),
    })
    const what = ROTATION_FLAGS.find(([name]) => flagOn(flags, name))?.[1]
    const shown = what === undefined ? settingsOf(env, file.values) : await renew(what, path, workDir, file.values, invocation)
    if (shown === undefined) return 1
    const format = flagText(flags, 'output')
    io.out(formatValues(shown, format === undefined || format === 'pretty' ? 'env' : format))
    return 0
  },
}

/** The keys as the stack would take them, from files that variables name too. */
function settingsOf(env: Environment, file: Environment): Record<string, string> {
  const values = read({ ...file, ...set(env) })
  return Object.fromEntries(SHOWN.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])))
}

async function renew(
  what: Rotation,
  path: string,
  workDir: string,
  file: Environment,
  { env, io }: Invocation,
): Promise<Record<string, string> | undefined> {
  const values = read({ ...file, ...set(env) })
  const current = { jwtSecret: values.JWT_SECRET, hasKeyPair: values.JWT_KEYS !== undefined }
  const made = await rotate(what, current, Math.floor(Date.now() / 1_000))
  const elsewhere = Object.keys(made).filter((name) => env[name] || env[`${name}_FILE`] || file[`${name}_FILE`])
  if (elsewhere.length > 0) {
    throw new CliError(`Cannot rotate ${elsewhere.join(', ')} here: the environment or a file of its own sets it, and wins over .env.`, {
      suggestion: 'Change it there.',
    })
  }
  const warning = WARNINGS[what]
  if (warning !== undefined) {
    io.err(`${warning}\n`)
    if (!(await io.confirm(`Do you want to make new values of ${Object.keys(made).join(', ')}?`, false))) {
      throw new CliError('context canceled')
    }
  }
  await updateEnvFile(path, [{ title: 'Made by plinth keys.', values: made }])
  io.err(`Wrote ${Object.keys(made).join(', ')} to .env.\n`)
  if (currentRun(stateDirOf(workDir))) io.err('The running stack goes on with the old values until it is stopped and started again.\n')
  return settingsOf(env, readEnvFile(path, env).values)
}

const set = (env: Environment): Environment => Object.fromEntries(Object.entries(env).filter(([, value]) => value))

function read(source: Environment) {
  try {
    return readEnv(selfHostedEnv, source)
  } catch (error) {
    throw error instanceof EnvError ? new CliError(error.message, { cause: error }) : error
  }
}
