// `plinth serve <service>`: one service alone, a drop-in for its upstream image. Reads the process environment and nothing else.
import { EnvError, readEnv } from '../env/read.ts'
import { Dispatcher } from '../http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../http/server.ts'
import { createLog } from '../log/log.ts'
import type { RunningService } from '../service/definition.ts'
import { kinds, loadKind } from '../stack/kinds.ts'
import { CliError, type Command, type Invocation } from './command.ts'
import { onSignal } from './signals.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'Run one service in the foreground, configured by the variables of its upstream image',
  args: 'SERVICE',
  minArgs: 1,
  maxArgs: 1,
  async run({ args, env, io, signal }: Invocation) {
    const kind = args[0]!
    if (!(kind in kinds)) throw new CliError(`unknown service ${kind}`, { suggestion: `There are: ${Object.keys(kinds).join(', ')}.` })
    const definition = await loadKind(kind)
    const values = settingsOf(() => readEnv(definition.env as Parameters<typeof readEnv>[0], env))
    const log = createLog({
      format: io.outIsTerminal ? 'pretty' : 'json',
      level: env['PLINTH_LOG_LEVEL'] || 'info',
      write: (line) => io.out(line),
    }).child({ service: kind })
    const servers: ListeningServer[] = []
    let service: RunningService | undefined
    try {
      service = await definition.start(values, { log, dispatcher: new Dispatcher(), signal })
      for (const { endpoint: number, host, port } of definition.listen(values)) {
        const endpoint = service.endpoints.find((candidate) => candidate.port === number)
        if (!endpoint) continue
        const server = await serveEndpoint(endpoint, host, port)
        servers.push(server)
        log.info({ host: server.host, port: server.port }, 'listening')
      }
      const running = service
      using _ = onSignal(['SIGHUP', 'SIGUSR1', 'SIGUSR2'], () => {
        running.reload?.().catch((error: unknown) => log.error({ err: error }, 'reload failed'))
      })
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      })
    } catch (error) {
      if (!signal.aborted) throw listenError(error)
    } finally {
      await Promise.all(servers.map((server) => server.close()))
      await service?.stop()
    }
    return 0
  },
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
  if (code === 'EADDRINUSE')
    return new CliError(`Port ${port} of ${address} is taken by another process.`, {
      suggestion: 'Stop it, or choose another port by the service’s own variable.',
      cause: error,
    })
  return error
}
