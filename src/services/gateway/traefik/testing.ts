// For the tests of this folder: a gateway with Traefik's configuration, its entry points on free ports.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEnv } from '../../../env/read.ts'
import { Dispatcher } from '../../../http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../../../http/server.ts'
import { silentLog } from '../../../log/log.ts'
import { gatewayEnv } from '../env.ts'
import { gateway } from '../index.ts'

export interface TraefikGateway extends AsyncDisposable {
  /** Of an entry point, by its name. */
  url(entryPoint?: string, scheme?: string): string
  port(entryPoint?: string): number
  readonly dispatcher: Dispatcher
  readonly folder: string
  /** Writes the dynamic file anew. */
  write(text: string): Promise<void>
  reload(): Promise<void>
}

export interface Given {
  /** The dynamic file: text, or an object that is written as JSON. */
  readonly file?: object | string
  readonly fileName?: string
  readonly compose?: string
  readonly variables?: Readonly<Record<string, string>>
  /** Names of entry points beside `web`, by the port of their address. */
  readonly entryPoints?: Readonly<Record<string, number>>
}

/** Entry points have numbers that no test listens on: what listens is on a free port. */
export async function startTraefikGateway({
  file,
  fileName = 'dynamic.yml',
  compose,
  variables = {},
  entryPoints = {},
}: Given): Promise<TraefikGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-traefik-'))
  const path = join(folder, fileName)
  const composePath = join(folder, 'docker-compose.yml')
  const textOf = (given: object | string) => (typeof given === 'string' ? given : JSON.stringify(given))
  if (file !== undefined) await writeFile(path, textOf(file))
  if (compose !== undefined) await writeFile(composePath, compose)
  const numbers: Record<string, number> = { web: 18_000, ...entryPoints }
  const dispatcher = new Dispatcher()
  const env = readEnv(gatewayEnv, {
    ...Object.fromEntries(
      Object.entries(numbers).map(([name, port]) => [`TRAEFIK_ENTRYPOINTS_${name.toUpperCase()}_ADDRESS`, `127.0.0.1:${port}`]),
    ),
    ...(file === undefined ? {} : { TRAEFIK_PROVIDERS_FILE_FILENAME: path, TRAEFIK_PROVIDERS_FILE_WATCH: 'false' }),
    ...(compose === undefined ? {} : { TRAEFIK_PROVIDERS_COMPOSE_FILENAME: composePath, TRAEFIK_PROVIDERS_COMPOSE_WATCH: 'false' }),
    ...variables,
  })
  const running = await gateway.start(env, { log: silentLog, dispatcher, signal: new AbortController().signal })
  const servers = new Map<number, ListeningServer>()
  for (const endpoint of running.endpoints) servers.set(endpoint.port, await serveEndpoint(endpoint, '127.0.0.1', 0))
  const port = (name = 'web') => servers.get(numbers[name] ?? (name === 'traefik' ? 8080 : 0))!.port
  return {
    port,
    url: (name, scheme = 'http') => `${scheme}://127.0.0.1:${port(name)}`,
    dispatcher,
    folder,
    write: (text) => writeFile(path, text),
    reload: () => running.reload!(),
    async [Symbol.asyncDispose]() {
      for (const server of servers.values()) await server.close(0)
      await running.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
