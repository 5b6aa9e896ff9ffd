// `plinth serve <service>`: one service alone, a drop-in for its upstream image. Reads the process environment, the files of --config-dir
// where it is given, and a configuration file where upstream's program takes one.
import { EnvError, readEnv } from '../env/read.ts'
import { Dispatcher } from '../http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../http/server.ts'
import { createLog, type Logger, recordOf } from '../log/log.ts'
import type { Environment, ListenAddress, RunningService, ServiceDefinition } from '../service/definition.ts'
import { UndoList } from '../service/undo-list.ts'
import { kinds, loadKind } from '../stack/kinds.ts'
import type { FromChild, ToChild } from '../stack/places/process.ts'
import { CliError, type Command, flagList, flagOn, flagText, type Invocation, type Io } from './command.ts'
import { readConfigDir, type WatchOptions, watchConfigDir } from './config-dir.ts'
import { onCrash } from './crashes.ts'
import { onSignal } from './signals.ts'

const PROGRAM_FLAGS = ['dump-config', 'dump-schema', 'dump-schema-cache', 'ready', 'example', 'version'] as const
/** How long running requests may take to end after SIGTERM; container schedulers kill after 10 s. */
const GRACE_MS = 8_000

export const serve: Command = {
  name: 'serve',
  endsItself: true,
  summary: 'Run one service in the foreground, configured by the variables of its upstream image',
  args: 'SERVICE [FILE]',
  minArgs: 1,
  maxArgs: 2,
  passesFlags: new Set(['gateway']),
  flags: [
    {
      name: 'config-dir',
      kind: 'string',
      value: 'DIR',
      help: 'Read the *.env files of this folder over the environment, and again when one of them changes (auth)',
    },
    { name: 'managed', kind: 'boolean', help: '', hidden: true },
    { name: 'dump-config', kind: 'boolean', help: 'rest: print the settings in force and end' },
    { name: 'dump-schema', kind: 'boolean', help: 'rest: print the schema cache as JSON and end' },
    { name: 'dump-schema-cache', kind: 'boolean', help: '', hidden: true },
    { name: 'ready', kind: 'boolean', help: 'rest: ask the admin server of the running service whether it is ready, and end' },
    { name: 'example', short: 'e', kind: 'boolean', help: 'rest: print an example of a configuration file and end' },
    { name: 'version', short: 'v', kind: 'boolean', help: 'rest: print the version whose behaviour it has and end' },
  ],
  exclusive: [PROGRAM_FLAGS],
  async run({ args, env, flags, io, signal }: Invocation) {
    const kind = args[0]!
    if (!Object.hasOwn(kinds, kind))
      throw new CliError(`unknown service ${kind}`, { suggestion: `There are: ${Object.keys(kinds).join(', ')}.` })
    const managed = flagOn(flags, 'managed')
    const definition = await loadKind(kind)
    const configDir = flagText(flags, 'config-dir')
    const given = withFlags(definition, env, flagList(flags, 'passed'))
    const read = settingsReader(definition, args[1], () => (configDir === undefined ? given : readConfigDir(configDir, given)))
    const asked = PROGRAM_FLAGS.find((name) => flagOn(flags, name))
    const log = logOf(definition, managed, env, io).child({ service: kind })
    if (asked !== undefined) {
      const answer = definition.program?.flags[asked]
      if (!answer) throw new CliError(`serve ${kind} has no --${asked}`)
      io.out(await told(async () => answer(read, log)))
      return 0
    }
    const values = await told(async () => read())
    using _crashes = onCrash((error) => log.error({ err: error }, 'a bug in Plinth or in a library: nobody caught this'))
    await using release = new UndoList()
    const servers = new Map<number, ListeningServer>()
    try {
      const alone = {
        reread: read,
        print: (line: string) => io.out(`${line}\n`),
        reach: (endpoint: number) => servers.get(endpoint)?.reach() ?? Promise.reject(new Error('not listening yet')),
      }
      const service = await told(() => definition.start(values, { log, dispatcher: new Dispatcher(), signal, ...(!managed && { alone }) }))
      release.defer(() => service.stop())
      const reload = async (name?: NodeJS.Signals) => {
        try {
          // A service that stands for a program reads its settings itself, at some of the signals.
          await service.reload?.(definition.program === undefined ? read() : undefined, name as 'SIGHUP')
        } catch (error) {
          log.error({ err: error }, 'the configuration could not be read again; the one before holds')
        }
      }
      using _ = onSignal(['SIGHUP', 'SIGUSR1', 'SIGUSR2'], (name) => void reload(name))
      using _watching = configDir === undefined ? undefined : watchConfigDir(configDir, watchOptions(values), () => void reload())
      const ended = new AbortController()
      void service.ended?.then(() => ended.abort())
      // A child of a stack listens where there is room and tells its parent; alone it listens where upstream's image does.
      const addresses = managed
        ? service.endpoints.map(({ port }): ListenAddress => ({ endpoint: port, host: '127.0.0.1', port: 0 }))
        : definition.listen(values)
      const over = AbortSignal.any([signal, ended.signal])
      await listenAt(service, addresses, { release, servers, log, over, graceMs: managed ? undefined : GRACE_MS })
      const parent = managed ? answerParent(service, servers) : signal
      await aborted(AbortSignal.any([over, parent]))
      service.drain?.()
      if (ended.signal.aborted && !signal.aborted) return 1
    } catch (error) {
      if (!signal.aborted) throw listenError(error)
    }
    return 0
  },
}

/** Gives the settings, anew at each call. */
function settingsReader(definition: ServiceDefinition, file: string | undefined, source: () => Environment): () => unknown {
  const { program } = definition
  if (file !== undefined && !program) throw new CliError(`serve ${definition.name} takes no file: it is configured by variables`)
  return () => readEnv(definition.env as Parameters<typeof readEnv>[0], file === undefined ? source() : program!.readFile(file, source()))
}

/** JSON for machines and for the stack, readable lines on a terminal; in upstream's own form where the service stands for a program. */
function logOf({ program }: ServiceDefinition, managed: boolean, env: Environment, io: Io): Logger {
  const level = env['PLINTH_LOG_LEVEL'] || 'info'
  if (managed || program === undefined || env['PLINTH_LOG_FORMAT'] === 'json') {
    const format = io.outIsTerminal && !managed && env['PLINTH_LOG_FORMAT'] !== 'json' ? 'pretty' : 'json'
    return createLog({ format, level, write: (line) => io.out(line) })
  }
  return createLog({ format: 'json', level, write: (line) => io.err(`${program.logLine(recordOf(line) ?? { msg: line.trimEnd() })}\n`) })
}

/** Upstream's variables of live reload, where the service has them. */
function watchOptions(values: unknown): WatchOptions {
  const reloading = values as Partial<Record<string, unknown>>
  const duration = (name: string, fallback: number) => (typeof reloading[name] === 'number' ? reloading[name] : fallback)
  return {
    notify: reloading['GOTRUE_RELOADING_NOTIFY_ENABLED'] !== false,
    pollMs: reloading['GOTRUE_RELOADING_POLLER_ENABLED'] === true ? duration('GOTRUE_RELOADING_POLLER_INTERVAL', 10_000) : undefined,
    graceMs: duration('GOTRUE_RELOADING_GRACE_PERIOD_INTERVAL', 5_000),
  }
}

/** Flags of upstream's own program are a variable like any other. */
function withFlags({ flagsVariable }: { readonly flagsVariable?: string }, env: Environment, passed: readonly string[]): Environment {
  return flagsVariable === undefined || passed.length === 0 ? env : { ...env, [flagsVariable]: passed.join('\n') }
}

interface Listening {
  readonly release: UndoList
  readonly servers: Map<number, ListeningServer>
  readonly log: Logger
  readonly over: AbortSignal
  readonly graceMs: number | undefined
}

async function listenAt(service: RunningService, addresses: readonly ListenAddress[], listening: Listening): Promise<void> {
  const { release, servers, log, graceMs } = listening
  const failed = new AbortController()
  const over = AbortSignal.any([listening.over, failed.signal])
  await Promise.all(
    addresses.map(async (address) => {
      const { endpoint: number, host, port } = address
      const endpoint = service.endpoints.find((candidate) => candidate.port === number)
      if (!endpoint) return
      if (endpoint.opens) await Promise.race([endpoint.opens, aborted(over)])
      if (over.aborted) return
      const onBug = (error: unknown) => log.error({ err: error }, 'a request failed by a bug')
      const server = await serveEndpoint(endpoint, host, port, onBug, address).catch((error: unknown) => {
        failed.abort()
        throw error
      })
      release.defer(() => server.close(graceMs))
      servers.set(number, server)
      log.info(
        { endpoint: number, host: server.host, port: server.port },
        `${endpoint.name === undefined ? '' : `${endpoint.name} `}listening on ${server.address}`,
      )
    }),
  )
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** Tells the parent the ports, answers its questions, and aborts when the parent is gone. */
function answerParent(service: RunningService, servers: ReadonlyMap<number, ListeningServer>): AbortSignal {
  const alone = new AbortController()
  const tell = (message: FromChild) => void (process.connected && process.send?.(message))
  process.on('message', ({ ask, id }: ToChild) => {
    if (ask !== 'health') return
    service.health().then(
      () => tell({ health: id }),
      (error: unknown) => tell({ health: id, error: error instanceof Error ? error.message : String(error) }),
    )
  })
  process.once('disconnect', () => alone.abort())
  tell({ listening: [...servers].map(([endpoint, server]) => ({ endpoint, port: server.port })) })
  return alone.signal
}

/** What is wrong with the settings is told in one line, without a hint at bugs. */
async function told<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof EnvError || (error instanceof Error && EXPECTED.has(error.name)))
      throw new CliError(error.message, { cause: error })
    throw error
  }
}

const EXPECTED: ReadonlySet<string> = new Set(['ConfigFileError', 'ProgramError'])

function listenError(error: unknown): unknown {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code !== 'EADDRINUSE') return error
  return new CliError(
    port === undefined || port < 0
      ? `The socket ${address} is taken by another process.`
      : `Port ${port} of ${address} is taken by another process.`,
    {
      suggestion: 'Stop it, or choose another port by the service’s own variable.',
      cause: error,
    },
  )
}
