// `plinth serve <service>`: one service alone, a drop-in for its upstream image. Reads the process environment, and the files of
// --config-dir where it is given.
import { EnvError, readEnv } from '../env/read.ts'
import { Dispatcher } from '../http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../http/server.ts'
import { createLog } from '../log/log.ts'
import type { Environment, ListenAddress, RunningService } from '../service/definition.ts'
import { UndoList } from '../service/undo-list.ts'
import { kinds, loadKind } from '../stack/kinds.ts'
import type { FromChild, ToChild } from '../stack/places/process.ts'
import { CliError, type Command, flagList, flagOn, flagText, type Invocation } from './command.ts'
import { readConfigDir, type WatchOptions, watchConfigDir } from './config-dir.ts'
import { onCrash } from './crashes.ts'
import { onSignal } from './signals.ts'

export const serve: Command = {
  name: 'serve',
  endsItself: true,
  summary: 'Run one service in the foreground, configured by the variables of its upstream image',
  args: 'SERVICE',
  minArgs: 1,
  maxArgs: 1,
  passesFlags: new Set(['gateway']),
  flags: [
    {
      name: 'config-dir',
      kind: 'string',
      value: 'DIR',
      help: 'Read the *.env files of this folder over the environment, and again when one of them changes (auth)',
    },
    { name: 'managed', kind: 'boolean', help: '', hidden: true },
  ],
  async run({ args, env, flags, io, signal }: Invocation) {
    const kind = args[0]!
    if (!(kind in kinds)) throw new CliError(`unknown service ${kind}`, { suggestion: `There are: ${Object.keys(kinds).join(', ')}.` })
    const managed = flagOn(flags, 'managed')
    const definition = await loadKind(kind)
    const configDir = flagText(flags, 'config-dir')
    const given = withFlags(definition, env, flagList(flags, 'passed'))
    const source = () => (configDir === undefined ? given : readConfigDir(configDir, given))
    const read = () => readEnv(definition.env as Parameters<typeof readEnv>[0], source())
    const values = settingsOf(read)
    const format = io.outIsTerminal && !managed ? 'pretty' : 'json'
    const log = createLog({ format, level: env['PLINTH_LOG_LEVEL'] || 'info', write: (line) => io.out(line) }).child({ service: kind })
    using _crashes = onCrash((error) => log.error({ err: error }, 'a bug in Plinth or in a library: nobody caught this'))
    await using release = new UndoList()
    try {
      const service = await definition.start(values, { log, dispatcher: new Dispatcher(), signal })
      release.defer(() => service.stop())
      // A child of a stack listens where there is room and tells its parent; alone it listens where upstream's image does.
      const addresses = managed
        ? service.endpoints.map(({ port }): ListenAddress => ({ endpoint: port, host: '127.0.0.1', port: 0 }))
        : definition.listen(values)
      const listening = await listenAt(service, addresses, release, (error) => log.error({ err: error }, 'a request failed by a bug'))
      for (const { endpoint, server } of listening) log.info({ endpoint, host: server.host, port: server.port }, 'listening')
      const reload = async () => {
        try {
          await service.reload?.(read())
        } catch (error) {
          log.error({ err: error }, 'the configuration could not be read again; the one before holds')
        }
      }
      using _ = onSignal(['SIGHUP', 'SIGUSR1', 'SIGUSR2'], () => void reload())
      using _watching = configDir === undefined ? undefined : watchConfigDir(configDir, watchOptions(values), () => void reload())
      const parent = managed ? answerParent(service, listening) : signal
      const ended = AbortSignal.any([signal, parent])
      await new Promise<void>((resolve) => {
        if (ended.aborted) resolve()
        else ended.addEventListener('abort', () => resolve(), { once: true })
      })
    } catch (error) {
      if (!signal.aborted) throw listenError(error)
    }
    return 0
  },
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
  readonly endpoint: number
  readonly server: ListeningServer
}

async function listenAt(
  service: RunningService,
  addresses: readonly ListenAddress[],
  release: UndoList,
  onBug: (error: unknown) => void,
): Promise<Listening[]> {
  const listening: Listening[] = []
  for (const { endpoint: number, host, port } of addresses) {
    const endpoint = service.endpoints.find((candidate) => candidate.port === number)
    if (!endpoint) continue
    const server = await serveEndpoint(endpoint, host, port, onBug)
    release.defer(() => server.close())
    listening.push({ endpoint: number, server })
  }
  return listening
}

/** Tells the parent the ports, answers its questions, and aborts when the parent is gone. */
function answerParent(service: RunningService, listening: readonly Listening[]): AbortSignal {
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
  tell({ listening: listening.map(({ endpoint, server }) => ({ endpoint, port: server.port })) })
  return alone.signal
}

function settingsOf<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof EnvError) throw new CliError(error.message, { cause: error })
    throw error
  }
}

function listenError(error: unknown): unknown {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code !== 'EADDRINUSE') return error
  return new CliError(`Port ${port} of ${address} is taken by another process.`, {
    suggestion: 'Stop it, or choose another port by the service’s own variable.',
    cause: error,
  })
}
