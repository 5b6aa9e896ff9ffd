// What upstream's program does besides serving: its configuration file, its flags that print and end, the form of its log.
import { Agent, request } from 'undici'
import { EnvError } from '../../env/read.ts'
import type { Logger } from '../../log/log.ts'
import { Executor } from '../../pg/executor.ts'
import type { ServiceProgram } from '../../service/definition.ts'
import { databaseUriOf, isAnyAddress, VERSION } from './config.ts'
import { environmentWithFile } from './config-file.ts'
import { connectionOf } from './connection.ts'
import { configText } from './dump-config.ts'
import { cacheText } from './dump-schema.ts'
import type { RestEnv } from './env.ts'
import { EXAMPLE } from './example-config.ts'
import { Loader } from './loader.ts'
import { RequestLog, timeStamp } from './request-log.ts'

/** What went wrong is told as it is, in one line. */
class ProgramError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProgramError'
  }
}

const READY_MS = 10_000

export const restProgram: ServiceProgram = {
  readFile: environmentWithFile,
  flags: {
    'dump-config': dumpConfig,
    'dump-schema': dumpSchema,
    'dump-schema-cache': dumpSchema,
    ready: (read) => ready(read() as RestEnv),
    example: async () => EXAMPLE,
    version: async () => `PostgREST ${VERSION}\n`,
  },
  logLine({ time, msg, err }) {
    const stack = typeof err === 'object' && err !== null && 'stack' in err && msg !== undefined ? undefined : err
    return `${timeStamp(typeof time === 'string' ? new Date(time) : new Date())}: ${String(msg ?? '')}${stack === undefined ? '' : ` ${JSON.stringify(stack)}`}`
  },
}

/** Without a database the settings are those of file and environment; stderr says so. */
function dumpConfig(read: () => unknown, log: Logger): Promise<string> {
  return withLoader(read() as RestEnv, log, async (loader, uri) => {
    try {
      if (loader.env.PGRST_DB_CONFIG) await loader.loadSettingsOnce()
    } catch (error) {
      if (error instanceof EnvError) throw error
      log.error(`Failed to query database settings for the config parameters. ${(error as Error).message}`)
    }
    return configText(loader.state.config, loader.env, uri)
  })
}

function dumpSchema(read: () => unknown, log: Logger): Promise<string> {
  return withLoader(read() as RestEnv, log, async (loader) => {
    try {
      await loader.loadOnce()
    } catch (error) {
      if (error instanceof EnvError) throw error
      throw new ProgramError(`An error occurred when loading the schema cache:\n${(error as Error).message}`)
    }
    return `${cacheText(loader.state.cache!)}\n`
  })
}

async function withLoader(env: RestEnv, log: Logger, act: (loader: Loader, uri: string) => Promise<string>): Promise<string> {
  const uri = databaseUriOf(env)
  const executor = new Executor({ connection: connectionOf(env, uri), max: 1 })
  // What is printed is all there is to say: the log has the errors only.
  const quiet = log.child({}, { level: 'error' })
  const requestLog = new RequestLog(quiet, () => undefined)
  const loader = new Loader({
    env,
    executor,
    log: quiet,
    requestLog,
    reread: () => env,
    onSettings: () => undefined,
    onFatal: () => undefined,
  })
  try {
    return await act(loader, uri)
  } finally {
    await loader.close()
    await executor.close()
  }
}

/** Asks the admin server of the service that these settings describe. */
async function ready(env: RestEnv): Promise<string> {
  const { PGRST_ADMIN_SERVER_PORT: port, PGRST_ADMIN_SERVER_UNIX_SOCKET: path } = env
  const host = env.PGRST_ADMIN_SERVER_HOST ?? env.PGRST_SERVER_HOST
  if (port === undefined && path === undefined)
    throw new ProgramError('ERROR: Admin server is not running. Please check admin-server-port config.')
  if (path === undefined && isAnyAddress(host))
    throw new ProgramError(
      `ERROR: The \`--ready\` flag cannot be used when server-host is configured as "${host}". Please update your server-host config to "localhost".`,
    )
  const url = path === undefined ? `http://${host.includes(':') ? `[${host}]` : host}:${port}/ready` : 'http://localhost/ready'
  const shown = path ?? url
  const dispatcher = new Agent({ connect: { ...(path !== undefined && { socketPath: path }) } })
  try {
    const { statusCode, body } = await request(url, { dispatcher, headersTimeout: READY_MS, bodyTimeout: READY_MS })
    await body.dump()
    if (statusCode >= 200 && statusCode < 300) return `OK: ${shown}\n`
    throw new ProgramError(`ERROR: ${shown}`)
  } catch (error) {
    if (error instanceof ProgramError) throw error
    throw new ProgramError(`ERROR: connection refused to ${shown}`)
  } finally {
    await dispatcher.close()
  }
}
