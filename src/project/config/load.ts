// Reads supabase/config.toml as a whole. Highest first: SUPABASE_* variables, the block of the linked remote, the file, the template.
// Nothing is printed here: warnings are lines for the caller, problems are one error.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import type { z } from 'zod'
import type { Environment } from '../../service/definition.ts'
import { templateValues } from '../template.ts'
import { CONFIG_FILE, projectIdOf, sanitizeProjectId } from '../workdir.ts'
import { DROPPED_PROVIDERS } from './auth/external.ts'
import { SMS_PROVIDERS } from './auth/sms.ts'
import { checkWhole, type Folders } from './checks.ts'
import { decrypt, isEncrypted, privateKeys } from './encrypted.ts'
import { readEnvironmentFiles } from './environment-files.ts'
import { ConfigError } from './error.ts'
import { applyOverrides } from './overrides.ts'
import { type ProjectConfig, projectSchema } from './schema.ts'
import { unifySpellings } from './spellings.ts'
import { substitute } from './substitute.ts'
import { at, isTree, mapTexts, merge, put, remove, type Tree } from './tree.ts'

export interface LoadOptions {
  readonly workDir: string
  readonly processEnv: Environment
  /** Reference of the linked hosted project, for commands that speak of it: its [remotes.X] block is then in force. */
  readonly linkedRef?: string
}

export interface LoadedProject extends Folders {
  readonly config: ProjectConfig
  /** The process environment and, below it, the project's .env files. */
  readonly env: Environment
  /** Lines for stderr, complete with their `WARN:`. */
  readonly warnings: readonly string[]
}

export function loadProject({ workDir, processEnv, linkedRef }: LoadOptions): LoadedProject {
  const folders: Folders = { workDir, supabaseDir: join(workDir, 'supabase') }
  const env = readEnvironmentFiles(folders, processEnv)
  const file = readFile(workDir)
  const warnings = unifySpellings(file)
  const tree = merge(templateValues(projectIdOf(workDir)), withRemote(file, linkedRef))
  applyOverrides(tree, env)
  const substituted = substitute(tree, env)
  warnings.push(...substituted.warnings)
  const { tree: values, problems: locked } = decryptAll(substituted.tree, env)
  dropWhatIsOff(values, warnings)
  const { config, unknown, problems } = validate(values)
  if (unknown.length > 0) {
    warnings.push(`WARN: ${CONFIG_FILE} has keys this version of Plinth does not recognize and ignores: ${unknown.sort().join(', ')}.`)
  }
  const all = [...locked, ...problems, ...checkWhole(values, folders)]
  if (!config || all.length > 0) throw new ConfigError([...new Set(all)])
  return { ...folders, config: settle(config, workDir, warnings), env, warnings }
}

function readFile(workDir: string): Tree {
  let text: string
  try {
    text = readFileSync(join(workDir, CONFIG_FILE), 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return {}
    throw new ConfigError([`failed to read config: open ${CONFIG_FILE}: ${code}`], { cause: error })
  }
  try {
    return parse(text.replace(/^\uFEFF/, '')) as Tree
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [what = 'invalid TOML'] = error.message.split('\n')
    const reason = what.replace(/^Invalid TOML document: /, '')
    throw new ConfigError([`failed to merge file config: ${CONFIG_FILE}: toml: line ${error.line} (column ${error.column}): ${reason}`], {
      cause: error,
    })
  }
}

/** The linked remote's block over the file. It switches seeding off unless it says otherwise: its data is not to be sown over. */
function withRemote(file: Tree, linkedRef: string | undefined): Tree {
  const remotes = file['remotes']
  if (linkedRef === undefined || !isTree(remotes)) return file
  const block = Object.values(remotes).find((candidate): candidate is Tree => isTree(candidate) && candidate['project_id'] === linkedRef)
  if (!block) return file
  const copy = structuredClone(block)
  unifySpellings(copy)
  return merge(merge(file, { db: { seed: { enabled: false } } }), copy)
}

function decryptAll(tree: Tree, env: Environment): { tree: Tree; problems: string[] } {
  const keys = privateKeys(env)
  const problems: string[] = []
  const opened = mapTexts(tree, (value, path) => {
    if (!isEncrypted(value)) return value
    const plain = decrypt(value, keys)
    if (plain === undefined) {
      problems.push(
        keys.length === 0
          ? `failed to decrypt ${path.join('.')}: the variable DOTENV_PRIVATE_KEY is not set`
          : `failed to decrypt ${path.join('.')}: none of the keys in DOTENV_PRIVATE_KEY fits`,
      )
    }
    return plain ?? value
  })
  return { tree: opened, problems }
}

const isFalse = (value: unknown): boolean => /^(false|f|0)$/i.test(String(value ?? ''))

/** Auth that is switched off is not asked whether its providers, hooks and mail server are complete. */
function dropWhatIsOff(tree: Tree, warnings: string[]): void {
  if (isFalse(at(tree, ['auth', 'enabled']))) {
    for (const key of ['captcha', 'hook', 'external', 'third_party', 'passkey']) put(tree, ['auth', key], {})
    remove(tree, ['auth', 'captcha'])
    remove(tree, ['auth', 'passkey'])
    remove(tree, ['auth', 'email', 'smtp'])
    for (const name of Object.keys(SMS_PROVIDERS)) remove(tree, ['auth', 'sms', name])
  }
  const providers = at(tree, ['auth', 'external'])
  if (!isTree(providers)) return
  for (const [name, provider] of Object.entries(providers)) {
    if (!DROPPED_PROVIDERS.has(name)) continue
    if (isTree(provider) && /^(true|t|1)$/i.test(String(provider['enabled']))) {
      warnings.push(`WARN: disabling deprecated "${name}" provider. Please use [auth.external.${name}_oidc] instead`)
    }
    delete providers[name]
  }
}

interface Validated {
  readonly config?: ProjectConfig
  readonly unknown: string[]
  readonly problems: string[]
}

/** Two passes: what is unknown is taken out first, so that it hides no check of its table. */
function validate(tree: Tree): Validated {
  const unknown: string[] = []
  let parsed = projectSchema.safeParse(tree)
  const strange = parsed.error?.issues.filter((issue) => issue.code === 'unrecognized_keys') ?? []
  for (const issue of strange) {
    for (const key of issue.keys) {
      const path = [...issue.path.map(String), key]
      unknown.push(path.join('.'))
      remove(tree, path)
    }
  }
  if (strange.length > 0) parsed = projectSchema.safeParse(tree)
  return parsed.success
    ? { config: parsed.data, unknown, problems: [] }
    : { unknown, problems: parsed.error.issues.map((issue) => problemOf(issue)) }
}

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom' && issue.params?.['literal'] === true) return issue.message
  const path = issue.path.map(String).join('.')
  const message = issue.message.startsWith('must ') ? issue.message : isWrongTable(issue) ? 'must be a table' : issue.message
  return `failed to parse config: ${path} ${message}`
}

const isWrongTable = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'invalid_type' && (issue.expected === 'object' || issue.expected === 'record')

/** What follows from the values: an id that is valid, phone sign-up only with somebody to send the codes. */
function settle(config: ProjectConfig, workDir: string, warnings: string[]): ProjectConfig {
  const settled = structuredClone(config)
  const id = sanitizeProjectId(config.project_id)
  if (id === '') settled.project_id = projectIdOf(workDir)
  else if (id !== config.project_id) {
    warnings.push(`WARN: project_id field in config is invalid. Auto-fixing to ${id}`)
    settled.project_id = id
  }
  const { sms, hook, enabled } = settled.auth
  const hasProvider = (Object.keys(SMS_PROVIDERS) as (keyof typeof SMS_PROVIDERS)[]).some((name) => sms[name]?.enabled)
  if (enabled && sms.enabled && !hasProvider && !hook.send_sms?.enabled) {
    warnings.push('WARN: no SMS provider is enabled. Disabling phone login')
    sms.enabled = false
  }
  return settled
}
