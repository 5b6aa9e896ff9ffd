// The gateway with Traefik's configuration: entry points, providers that are watched, and pages about what is in force.
import type { Environment, ListenAddress, RunningService, ServiceContext } from '../../../service/definition.ts'
import { UndoList } from '../../../service/undo-list.ts'
import type { Overrides } from '../proxy/place.ts'
import { Pools } from '../proxy/pools.ts'
import { TraefikConfigError } from './config/conform.ts'
import { type DynamicConfig, dynamicSchema } from './config/dynamic.ts'
import { parseAddress, readStatic } from './config/sources.ts'
import type { StaticConfig } from './config/static.ts'
import { EntryPoint } from './entry-point.ts'
import { Fetcher } from './fetch.ts'
import { Forwarder } from './forward.ts'
import { Internals } from './internal/internals.ts'
import { buildPlan, type Plan } from './plan.ts'
import { loadCompose, watchCompose } from './providers/compose.ts'
import { loadFiles, watchFiles } from './providers/file.ts'
import { EntryPointTls } from './tls.ts'

// The largest head of a service's answer.
const MAX_ANSWER_HEAD = 1024 * 1024

/** Both front ends were asked for. */
export class TwoFrontEndsError extends Error {
  constructor() {
    super(
      "Kong's and Traefik's configuration together: a gateway has one of them. Unset KONG_DECLARATIVE_CONFIG(_STRING), or the TRAEFIK_* variables and flags.",
    )
  }
}

/** Numbers of endpoints: the entry point's own port where it is free. */
function numbered(config: StaticConfig): Map<string, number> {
  const taken = new Set<number>()
  const numbers = new Map<string, number>()
  for (const [name, { address }] of Object.entries(config.entryPoints)) {
    const parsed = parseAddress(address)
    // UDP is not served.
    if (!parsed) continue
    let number = parsed.port || 1
    while (taken.has(number)) number++
    taken.add(number)
    numbers.set(name, number)
  }
  return numbers
}

export function traefikListen(env: Environment): ListenAddress[] {
  const config = readStatic(env)
  return [...numbered(config)].map(([name, endpoint]) => ({ endpoint, ...parseAddress(config.entryPoints[name]!.address)! }))
}

interface Provider {
  readonly name: string
  readonly watched: boolean
  load(): Promise<DynamicConfig>
  watch(changed: () => void): () => void
}

export async function startTraefik(env: Environment, ctx: ServiceContext, overrides: Overrides): Promise<RunningService> {
  const undo = new UndoList()
  try {
    return await start(env, ctx, overrides, undo)
  } catch (error) {
    await undo.undo()
    throw error
  }
}

async function start(env: Environment, ctx: ServiceContext, overrides: Overrides, undo: UndoList): Promise<RunningService> {
  const config = readStatic(env)
  const pools = new Pools(MAX_ANSWER_HEAD)
  undo.defer(() => pools.close())
  const fetcher = new Fetcher(ctx.dispatcher, overrides)
  undo.defer(() => fetcher.close())
  const forwarder = new Forwarder({ dispatcher: ctx.dispatcher, overrides, pools, log: ctx.log })
  undo.defer(() => forwarder.closeTunnels())
  let plan: Plan
  const internals = await Internals.open(config, { plan: () => plan, env, log: ctx.log })
  undo.defer(() => internals.close())
  const setup = {
    config,
    forwarder,
    fetch: fetcher.fetch,
    log: ctx.log,
    internalServices: internals.services,
    internalRoutes: internals.routes,
  }
  const providers = providersOf(config, env, ctx)
  const configs = new Map<string, DynamicConfig>()
  for (const provider of providers) configs.set(provider.name, await loadFirst(provider, ctx))
  plan = buildPlan(configs, setup)
  undo.defer(() => plan.end())
  const tls = await EntryPointTls.open(config, ctx.log)
  undo.defer(() => tls.stop())
  await tls.use(plan.runtime, config)
  const numbers = numbered(config)
  const entryPoints = new Map(
    [...numbers.keys()].map((name) => [
      name,
      new EntryPoint(name, config.entryPoints[name]!, plan.routes.get(name)!, {
        log: ctx.log,
        observer: internals.observer,
        proofFor: (url) => tls.proofFor(name, url),
      }),
    ]),
  )
  const tell = (what: string) => {
    const { routers, services, middlewares } = plan.runtime
    ctx.log.info({ routers: routers.size, services: services.size, middlewares: middlewares.size }, what)
    for (const info of [...routers.values(), ...services.values(), ...middlewares.values()])
      for (const reason of info.errors) ctx.log.error({ name: info.name, reason }, 'a part of the configuration cannot be used')
  }
  tell('configuration loaded')
  internals.reloaded(true)
  /** What is wrong rejects here, and the configuration in force stays. */
  const reload = async (provider: Provider) => {
    try {
      configs.set(provider.name, await provider.load())
    } catch (error) {
      internals.reloaded(false)
      throw error
    }
    const next = buildPlan(configs, setup)
    const before = plan
    plan = next
    for (const [name, entryPoint] of entryPoints) entryPoint.use(next.routes.get(name)!)
    before.end()
    await tls.use(next.runtime, config)
    internals.reloaded(true)
    tell('configuration loaded anew')
  }
  // One after the other: two providers may change at the same time.
  let turn: Promise<void> = Promise.resolve()
  const reloadInTurn = (provider: Provider): Promise<void> => {
    const done = turn.then(() => reload(provider))
    turn = done.catch(() => undefined)
    return done
  }
  for (const provider of providers)
    if (provider.watched)
      undo.defer(
        provider.watch(() => {
          reloadInTurn(provider).catch((error: unknown) => tellRefused(error, provider, ctx))
        }),
      )
  return {
    endpoints: [...numbers, ...asInStack(numbers)].map(([name, port]) => {
      const { handle, upgrade, limits } = entryPoints.get(name)!
      return { port, handle, upgrade, limits, tls: tls.material(plan.runtime) }
    }),
    // A configuration is in force from the start on, and stays so.
    health: async () => {},
    async reload() {
      for (const provider of providers) await reloadInTurn(provider)
    },
    stop: () => undo.undo(),
  }
}

const PLAIN = 8000
const SECURE = 8443

/**
 * In a stack the gateway is asked under the numbers of Kong's image: there the entry point `web` (else the first) is the plain one too, and
 * `websecure` (else that one) the one for TLS.
 */
function asInStack(numbers: ReadonlyMap<string, number>): [name: string, endpoint: number][] {
  const taken = new Set(numbers.values())
  const web = numbers.has('web') ? 'web' : [...numbers.keys()].find((name) => name !== 'traefik')
  if (web === undefined) return []
  const both: [string, number][] = [
    [web, PLAIN],
    [numbers.has('websecure') ? 'websecure' : web, SECURE],
  ]
  return both.filter(([, endpoint]) => !taken.has(endpoint))
}

/** Upstream starts without what it cannot read, says so, and takes it when it is mended. */
async function loadFirst(provider: Provider, ctx: ServiceContext): Promise<DynamicConfig> {
  try {
    return await provider.load()
  } catch (error) {
    tellRefused(error, provider, ctx)
    return dynamicSchema.parse({})
  }
}

function tellRefused(error: unknown, provider: Provider, ctx: ServiceContext): void {
  if (error instanceof TraefikConfigError)
    ctx.log.error({ provider: provider.name, reason: error.message }, 'the configuration is refused, what is in force stays')
  else ctx.log.error({ err: error, provider: provider.name }, 'the configuration could not be read, what is in force stays')
}

function providersOf(config: StaticConfig, env: Environment, ctx: ServiceContext): Provider[] {
  const { file, compose, docker } = config.providers
  const providers: Provider[] = []
  if (compose) {
    const settings = {
      ...compose,
      // A static configuration for Docker says the same things under its own name.
      exposedByDefault: compose.exposedByDefault && (docker?.exposedByDefault ?? true),
      defaultRule: compose.defaultRule ?? docker?.defaultRule,
      constraints: compose.constraints || (docker?.constraints ?? ''),
    }
    providers.push({
      name: 'docker',
      watched: compose.watch,
      load: () => loadCompose(settings, env, ctx.log),
      watch: (changed) => watchCompose(settings, changed),
    })
  }
  if (file)
    providers.push({ name: 'file', watched: file.watch, load: () => loadFiles(file, env), watch: (changed) => watchFiles(file, changed) })
  return providers
}
