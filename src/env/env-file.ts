// The `.env` of a self-hosted stack: read, and completed with what is missing. A value that is there is never changed.
import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Environment } from '../service/definition.ts'
import { type Dotenv, parseDotenv } from './dotenv.ts'
import { type DotenvSection, editDotenv } from './edit-dotenv.ts'
import { jwtJwksOf, jwtKeysOf, makeApiKey, makeOpaqueKey, makeSigningKey, plainSecrets, signingJwkOf } from './keys.ts'
import { withFileLock, writePrivateFile } from './private-file.ts'
import { isEmbeddedHost } from './self-hosted.ts'

export interface EnvFile {
  readonly values: Readonly<Record<string, string>>
  /** The line of each variable's last value. */
  readonly lines: ReadonlyMap<string, number>
  /** Variables that values of the file refer to and that are set nowhere. */
  readonly unset: Dotenv['unset']
}

export interface CompleteOptions {
  readonly path: string
  /** The process environment: what it sets is neither made nor written. */
  readonly env: Environment
  /** Whether a port can be listened on. */
  readonly isFree: (port: number) => Promise<boolean>
  /** One line for people: what was made, which port was taken. */
  readonly report: (line: string) => void
  readonly nowSeconds?: number
}

/** Reads the file; one that does not exist is empty. Throws DotenvError. */
export function readEnvFile(path: string, env: Environment): EnvFile {
  return envFileOf(readText(path), path, env)
}

/** Reads the file and adds every secret, key and port that neither it nor the environment sets. Makes the file if there is none. */
export async function completeEnvFile(options: CompleteOptions): Promise<EnvFile> {
  const { path, env, report } = options
  const file = basename(path)
  const before = readText(path)
  const parsed = envFileOf(before, path, env)
  const missing = await missingFrom(parsed.values, before === undefined, options)
  if (missing.length === 0) return parsed
  try {
    return await withFileLock(path, async () => {
      // Another process may have completed it meanwhile: then its secrets count, and ours are forgotten.
      const text = readText(path)
      const sections = text === before ? missing : await missingFrom(envFileOf(text, path, env).values, text === undefined, options)
      const names = namesIn(sections)
      if (names.length === 0) return envFileOf(text, path, env)
      const completed = editDotenv(text ?? '', file, sections)
      writePrivateFile(path, completed)
      for (const { name, port, wanted } of movedPorts(sections)) report(`Port ${wanted} is taken: ${name} is ${port}, written to ${file}.`)
      report(text === undefined ? `Made ${file} with fresh secrets.` : `Added to ${file}: ${names.join(', ')}.`)
      return envFileOf(completed, path, env)
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new Error(
      `Cannot write ${path} (${code}). Make it writable, or set ${namesIn(missing).join(', ')} in it or in the environment.`,
      { cause: error },
    )
  }
}

const namesIn = (sections: readonly DotenvSection[]): string[] => sections.flatMap(({ values }) => Object.keys(values))

/** Gives variables new values, in place; for `plinth keys --rotate`. */
export async function updateEnvFile(path: string, sections: readonly DotenvSection[]): Promise<void> {
  await withFileLock(path, async () => writePrivateFile(path, editDotenv(readText(path) ?? '', basename(path), sections)))
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`Cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`, { cause: error })
  }
}

function envFileOf(text: string | undefined, path: string, env: Environment): EnvFile {
  const { values: written, entries, unset } = parseDotenv(text ?? '', { file: basename(path), env })
  const values = Object.fromEntries(Object.entries(written).map(([name, value]) => [name, pathIn(dirname(path), name, value)]))
  return { values, lines: new Map(entries.map(({ name, line }) => [name, line])), unset }
}

/** A file of a secret, named in the environment file, lies beside it unless its path is absolute. */
const pathIn = (folder: string, name: string, value: string): string =>
  name.endsWith('_FILE') && value !== '' ? resolve(folder, value) : value

const PORTS: readonly { readonly name: string; readonly port: number; readonly alias?: string }[] = [
  { name: 'KONG_HTTP_PORT', port: 8_000, alias: 'API_GW_HTTP_PORT' },
  { name: 'KONG_HTTPS_PORT', port: 8_443 },
  { name: 'POSTGRES_PORT', port: 5_432 },
  { name: 'POOLER_PROXY_PORT_TRANSACTION', port: 6_543 },
]

const movedPorts = (sections: readonly DotenvSection[]) =>
  PORTS.flatMap(({ name, port: wanted }) => {
    const port = sections.map(({ values }) => values[name]).find((value) => value !== undefined)
    return port === undefined || port === String(wanted) ? [] : [{ name, port, wanted }]
  })

const SECRETS = Object.keys(plainSecrets) as (keyof typeof plainSecrets)[]

/** A variable, or the file that `X_FILE` names, is set by the environment or the file. */
class Given {
  readonly #sources: readonly Environment[]
  constructor(...sources: readonly Environment[]) {
    this.#sources = sources
  }
  has(name: string): boolean {
    return this.#sources.some((source) => Boolean(source[name]) || Boolean(source[`${name}_FILE`]))
  }
  value(name: string): string | undefined {
    for (const source of this.#sources) if (source[name]) return source[name]
    const file = this.#sources.map((source) => source[`${name}_FILE`]).find(Boolean)
    if (!file) return undefined
    try {
      return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
    } catch {
      return undefined // the schema reports it, with its name
    }
  }
}

/** An embedded server's port is ours to choose; that of a server elsewhere is not. */
const isPortOurs = (name: string, given: Given): boolean => name !== 'POSTGRES_PORT' || isEmbeddedHost(given.value('POSTGRES_HOST'))

const hasKeyPair = (given: Given): boolean => !['', '[]'].includes((given.value('JWT_KEYS') ?? '').replace(/\s/g, ''))

async function missingFrom(values: Environment, fresh: boolean, options: CompleteOptions): Promise<DotenvSection[]> {
  const given = new Given(options.env, values)
  const made: Record<string, string> = {}
  const known = (name: string): string | undefined => made[name] ?? given.value(name)
  const make = async (name: string, maker: () => string | Promise<string> | undefined) => {
    if (given.has(name)) return {}
    const value = await maker()
    if (value === undefined) return {}
    made[name] = value
    return { [name]: value }
  }
  const keyPairIsOurs = fresh && !given.has('JWT_SECRET') && !given.has('JWT_KEYS')
  const secrets: Record<string, string> = {}
  for (const name of SECRETS) {
    if (name === 'DASHBOARD_PASSWORD') Object.assign(secrets, await make('DASHBOARD_USERNAME', () => 'supabase'))
    Object.assign(secrets, await make(name, plainSecrets[name]))
  }
  const now = options.nowSeconds ?? Math.floor(Date.now() / 1_000)
  const jwtSecret = known('JWT_SECRET')
  const signed = (role: 'anon' | 'service_role') => () => (jwtSecret === undefined ? undefined : makeApiKey(role, jwtSecret, now))
  const apiKeys = {
    ...(await make('ANON_KEY', signed('anon'))),
    ...(await make('SERVICE_ROLE_KEY', signed('service_role'))),
    ...(await make('SUPABASE_PUBLISHABLE_KEY', () => makeOpaqueKey('publishable'))),
    ...(await make('SUPABASE_SECRET_KEY', () => makeOpaqueKey('secret'))),
  }
  let keyPair: Record<string, string> = {}
  if (jwtSecret !== undefined && keyPairIsOurs) Object.assign(keyPair, await make('JWT_KEYS', () => jwtKeysOf(makeSigningKey(), jwtSecret)))
  const jwtKeys = known('JWT_KEYS')
  if (jwtSecret !== undefined && jwtKeys !== undefined && (keyPairIsOurs || hasKeyPair(given))) {
    keyPair = { ...keyPair, ...(await keyPairOf(jwtKeys, jwtSecret, now, make)) }
  }
  return [
    { title: 'Secrets of this stack. Keep this file private.', values: secrets },
    { title: 'API keys: two JWTs signed with JWT_SECRET, and the opaque keys that stand for them.', values: apiKeys },
    { title: 'The key pair that user tokens are signed with, and the API keys signed with it.', values: keyPair },
    { title: 'Ports on this machine.', values: await choosePorts(given, options) },
  ].filter((section) => Object.keys(section.values).length > 0)
}

type Make = (name: string, maker: () => string | Promise<string> | undefined) => Promise<Record<string, string>>

async function keyPairOf(jwtKeys: string, secret: string, now: number, make: Make): Promise<Record<string, string>> {
  let signing: ReturnType<typeof signingJwkOf>
  try {
    signing = signingJwkOf(jwtKeys)
  } catch {
    return {} // the schema says what is wrong with JWT_KEYS
  }
  const twin = (role: 'anon' | 'service_role') => () => (signing === undefined ? undefined : makeApiKey(role, signing, now))
  return {
    ...(await make('JWT_JWKS', () => jwtJwksOf(jwtKeys, secret))),
    ...(await make('ANON_KEY_ASYMMETRIC', twin('anon'))),
    ...(await make('SERVICE_ROLE_KEY_ASYMMETRIC', twin('service_role'))),
  }
}

/** The default ports that no setting names yet; a taken one gives way to the next free one. */
async function choosePorts(given: Given, { isFree }: CompleteOptions): Promise<Record<string, string>> {
  const chosen: Record<string, string> = {}
  const used = new Set(PORTS.map(({ name }) => given.value(name)))
  for (const { name, port: wanted, alias } of PORTS) {
    if (!isPortOurs(name, given) || given.has(name) || (alias && given.has(alias))) continue
    let port = wanted
    while (used.has(String(port)) || (port < 65_535 && !(await isFree(port)))) port += 1
    used.add(String(port))
    chosen[name] = String(port)
  }
  return chosen
}
