// `createStack`: the same stack inside a program or a test, on free ports and in a temporary folder unless told otherwise.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'smol-toml'
import { type Logger, silentLog } from './log/log.ts'
import { describeStack } from './stack/describe.ts'
import { freePort } from './stack/ports.ts'
import type { NodeReport } from './stack/service-node.ts'
import { type ResetOptions, Stack } from './stack/stack.ts'

export interface CreateStackOptions {
  /** The folder of the stack. Without it a temporary one is made, and removed with its data by `stop()`. */
  readonly workDir?: string
  /** Variables over those of the folder's `.env` (`PLINTH_PROFILE`, `GOTRUE_*`, `PGRST_*`, ...). The process environment is not read. */
  readonly env?: Readonly<Record<string, string>>
  /** Content of `supabase/config.toml`: makes the temporary folder a local project. Tables as objects, keys as in the file. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Files below `supabase/` of the temporary folder: `migrations/20240101000000_pets.sql`, `seed.sql`, ... */
  readonly files?: Readonly<Record<string, string>>
  readonly log?: Logger
  readonly onLine?: (line: string) => void
  readonly onNode?: (report: NodeReport) => void
  readonly signal?: AbortSignal
}

export interface RunningStack extends AsyncDisposable {
  readonly workDir: string
  /** The API: `http://127.0.0.1:54321`. */
  readonly url: string
  readonly dbUrl: string
  /** Everything that `plinth status -o env` prints: API_URL, DB_URL, ANON_KEY, SERVICE_ROLE_KEY, JWT_SECRET, MAILPIT_URL, ... */
  readonly values: Readonly<Record<string, string>>
  readonly anonKey: string
  readonly serviceRoleKey: string
  /** State of every service. */
  readonly nodes: readonly NodeReport[]
  resetDatabase(options?: Partial<ResetOptions>): Promise<void>
  stop(): Promise<void>
}

/** Starts a stack; resolves when every service is healthy, rejects with what went wrong after undoing it. */
export async function createStack(options: CreateStackOptions = {}): Promise<RunningStack> {
  const temporary = options.workDir === undefined
  const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), 'plinth-'))
  const clean = () => {
    if (temporary) rmSync(workDir, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const env = temporary ? { ...(await furnish(workDir, options)), ...options.env } : { ...options.env }
    const onLine = options.onLine ?? (() => {})
    const description = await describeStack({ workDir, env, exclude: [], report: onLine })
    const stack = new Stack(description, { log: options.log ?? silentLog, onLine, ...(options.onNode ? { onNode: options.onNode } : {}) })
    await stack.start(options.signal)
    const values = Object.fromEntries(description.values.map(({ name, value }) => [name, String(value)]))
    const stop = async () => {
      try {
        await stack.stop({ removeData: temporary })
      } finally {
        clean()
      }
    }
    return {
      workDir,
      url: values['API_URL'] ?? '',
      dbUrl: values['DB_URL'] ?? '',
      values,
      anonKey: values['ANON_KEY'] ?? '',
      serviceRoleKey: values['SERVICE_ROLE_KEY'] ?? '',
      get nodes() {
        return stack.status.nodes
      },
      resetDatabase: (reset = {}) => stack.resetDatabase({ seed: true, ...reset }, onLine),
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    clean()
    throw error
  }
}

/** Makes a temporary folder a project or a self-hosted stack on free ports. Returns the variables that it needs. */
async function furnish(workDir: string, { config, files }: CreateStackOptions): Promise<Record<string, string>> {
  const ports = new Set<number>()
  const next = async (): Promise<number> => {
    const port = await freePort(ports)
    ports.add(port)
    return port
  }
  if (config === undefined) {
    return {
      KONG_HTTP_PORT: `${await next()}`,
      KONG_HTTPS_PORT: `${await next()}`,
      POSTGRES_PORT: `${await next()}`,
      POOLER_PROXY_PORT_TRANSACTION: `${await next()}`,
    }
  }
  const table = (name: string) => (config[name] ?? {}) as Record<string, unknown>
  const whole = {
    ...config,
    api: { port: await next(), ...table('api') },
    db: { port: await next(), shadow_port: await next(), ...table('db') },
    studio: { port: await next(), ...table('studio') },
    inbucket: { port: await next(), ...table('inbucket') },
    analytics: { port: await next(), ...table('analytics') },
  }
  const write = (path: string, text: string) => {
    const file = join(workDir, 'supabase', path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, text)
  }
  write('config.toml', stringify(whole))
  for (const [path, text] of Object.entries(files ?? {})) write(path, text)
  return {}
}
