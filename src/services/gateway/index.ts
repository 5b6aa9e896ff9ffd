// The gateway as a service: reads the declarative file, keeps the plan in force, and listens as upstream's image does.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineService, type Endpoint, type Environment, type ListenAddress, type TlsMaterial } from '../../service/definition.ts'
import { adminHandler } from './admin/admin.ts'
import type { AdminSource } from './admin/source.ts'
import { ActiveChecks } from './balancing/active-checks.ts'
import { type BuildSetup, buildPlan, type Plan } from './build.ts'
import { AddressSet, type TrustSettings } from './client.ts'
import { ConfigurationError, loadConfiguration } from './config/load.ts'
import { watchFile } from './config/watch.ts'
import { type GatewayEnv, gatewayEnv } from './env.ts'
import { Gateway } from './gateway.ts'
import { ListenError, parseListen } from './listen.ts'
import { Connections } from './metrics/connections.ts'
import { KongMetrics } from './metrics/kong-metrics.ts'
import { PluginState } from './plugin-state.ts'
import { enabledPlugins, loadPlugins } from './plugins/enabled.ts'
import { type Overrides, placeOf } from './proxy/place.ts'
import { Pools } from './proxy/pools.ts'
import { openAccessLog } from './record/access-log.ts'
import { ownHeaders } from './response-head.ts'
import { statusHandler } from './status.ts'
import { Certificates } from './tls/certificates.ts'
import { TlsError, tlsMaterial } from './tls/material.ts'
import { type PublicNames, type PublicNamesSettings, publicNames } from './tls/public-names.ts'
import { asksForTraefik, FLAGS_VARIABLE } from './traefik/config/sources.ts'
import { startTraefik, TwoFrontEndsError, traefikListen } from './traefik/index.ts'

const HTTP = 8000
const HTTPS = 8443
const STATUS = 8100
const ADMIN = 8001

export const gateway = defineService({
  name: 'gateway',
  env: gatewayEnv,
  needs: {},
  flagsVariable: FLAGS_VARIABLE,
  listen: (env): ListenAddress[] => (isTraefik(env) ? traefikListen(environmentOf(env)) : kongListen(env)),
  async start(env, ctx) {
    if (isTraefik(env)) return startTraefik(environmentOf(env), ctx, overridesOf(env))
    const accessLog = openAccessLog(env.KONG_PROXY_ACCESS_LOG, (error, dropped) =>
      ctx.log.error({ err: error, dropped }, 'the access log cannot be written'),
    )
    const settings = {
      accessLog,
      trust: trustOf(env),
      own: ownHeaders(env.KONG_HEADERS),
      errorDefaultType: env.KONG_ERROR_DEFAULT_TYPE,
      maxBodyBytes: env.KONG_CLIENT_MAX_BODY_SIZE || env.KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE,
    }
    const secure = parseListen('KONG_PROXY_LISTEN', env.KONG_PROXY_LISTEN).filter(({ tls }) => tls)
    const certificates = new Certificates()
    const names =
      secure.length > 0 && env.PLINTH_DOMAIN.length > 0 ? await publicNames(publicNamesSettings(env), certificates, ctx.log) : undefined
    const tls: TlsMaterial | undefined =
      secure.length > 0
        ? {
            ...(await tlsMaterial({ certFile: env.KONG_SSL_CERT, keyFile: env.KONG_SSL_CERT_KEY, prefix: env.KONG_PREFIX })),
            http2: secure.some(({ http2 }) => http2),
            contextFor: (name) => certificates.contextFor(name),
            ...(names && { validation: names.challenges }),
          }
        : undefined
    const state = new PluginState()
    const overrides = overridesOf(env)
    const foreign = await loadPlugins(env.KONG_PLUGINS, env.PLINTH_GATEWAY_PLUGIN_DIR)
    const build = { plugins: enabledPlugins(env.KONG_PLUGINS, foreign), log: ctx.log, state }
    let { plan, hash, unset, text } = planOf(env, build, await configurationText(env))
    certificates.set('file', plan.certificates)
    const pools = new Pools(env.KONG_NGINX_PROXY_PROXY_BUFFER_SIZE)
    const door = new Gateway(plan, { settings, dispatcher: ctx.dispatcher, overrides, pools, log: ctx.log })
    const tell = (what: string) => {
      ctx.log.info({ ...plan.counts }, what)
      if (unset.length > 0) ctx.log.warn({ variables: unset }, 'keys whose variable is not set were left out of the configuration')
    }
    const newChecks = () => {
      const checks = new ActiveChecks(ctx.log, ({ host, port }) => {
        const place = placeOf({ scheme: 'http', host, port, authority: host }, ctx.dispatcher, overrides)
        return place.at === 'network' ? place : place.at === 'here' ? 'here' : 'nowhere'
      })
      checks.start(plan.upstreams.values())
      return checks
    }
    let checks = newChecks()
    tell('configuration loaded')
    /** Requests under way keep the plan that they began with; a text with a mistake throws, and the plan in force stays. */
    const take = (given: { name: string; text: string }, what: string) => {
      ;({ plan, hash, unset, text } = planOf(env, { ...build, before: plan }, given))
      door.use(plan)
      certificates.set('file', plan.certificates)
      checks.stop()
      checks = newChecks()
      tell(what)
    }
    const reload = async () => take(await configurationText(env), 'configuration loaded anew')
    const unwatch =
      env.KONG_DECLARATIVE_CONFIG === undefined
        ? () => {}
        : watchFile(env.KONG_DECLARATIVE_CONFIG, () => {
            reload().catch((error: unknown) => {
              const reason = error instanceof ConfigurationError ? { reason: error.message } : { err: error }
              ctx.log.error(reason, 'the changed configuration is refused; the one before stays in force')
            })
          })
    let stopping = false
    const connections = new Connections()
    const source: AdminSource = {
      plan: () => plan,
      configurationHash: () => hash,
      requests: () => connections.requests,
      connections: () => connections.counts,
      metrics: () =>
        state.of(KongMetrics).text({
          requests: connections.requests,
          connections: connections.counts,
          upstreams: plan.upstreams.values(),
        }),
      notReady: () => (stopping ? 'the gateway is being stopped' : undefined),
      plugins: () => [...build.plugins.keys()],
      settings: () => settingsOf(env),
      configuration: () => text,
      replace: async (given) => take({ name: 'config', text: given }, 'configuration replaced by the admin API'),
    }
    const endpoint = {
      handle: ((req, res) => {
        connections.seen(req)
        door.handle(req, res)
      }) satisfies Endpoint['handle'],
      upgrade: ((req, socket, head) => {
        connections.seen(req)
        door.upgrade(req, socket, head)
      }) satisfies Endpoint['upgrade'],
    }
    return {
      endpoints: [
        { port: HTTP, ...endpoint, ...(names && { handle: behind(names, endpoint.handle) }) },
        ...(tls ? [{ port: HTTPS, ...endpoint, tls }] : []),
        { port: STATUS, handle: statusHandler(source) },
        { port: ADMIN, handle: adminHandler(source) },
      ],
      // A plan is in force from the start on, and stays so.
      health: async () => {},
      reload,
      drain() {
        stopping = true
      },
      async stop() {
        unwatch()
        await names?.stop()
        checks.stop()
        door.close()
        await pools.close()
        await state.close()
        await accessLog?.flush()
      },
    }
  },
})

function kongListen(env: GatewayEnv): ListenAddress[] {
  return [
    ...parseListen('KONG_PROXY_LISTEN', env.KONG_PROXY_LISTEN).map(({ host, port, tls }) => ({ endpoint: tls ? HTTPS : HTTP, host, port })),
    ...parseListen('KONG_STATUS_LISTEN', env.KONG_STATUS_LISTEN).map(({ host, port }) => ({ endpoint: STATUS, host, port })),
    ...parseListen('KONG_ADMIN_LISTEN', env.KONG_ADMIN_LISTEN)
      .filter(({ tls }) => !tls)
      .map(({ host, port }) => ({ endpoint: ADMIN, host, port })),
  ]
}

/** Which of the two front ends is asked for. Throws TwoFrontEndsError for both. */
function isTraefik(env: GatewayEnv): boolean {
  if (!asksForTraefik(environmentOf(env))) return false
  if (env.KONG_DECLARATIVE_CONFIG !== undefined || env.KONG_DECLARATIVE_CONFIG_STRING !== undefined) throw new TwoFrontEndsError()
  return true
}

/** The variables as they came: those that Kong's front end reads as lists or sizes are none of Traefik's. */
function environmentOf(env: GatewayEnv): Environment {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

const OWN_FILES: Readonly<Record<GatewayEnv['PLINTH_GATEWAY_FORM'], URL>> = {
  'self-hosted': new URL('./defaults/self-hosted.yml', import.meta.url),
  local: new URL('./defaults/local.yml', import.meta.url),
}

const behind =
  (names: PublicNames, handle: Endpoint['handle']): Endpoint['handle'] =>
  (req, res) => {
    if (!names.answer(req, res)) handle(req, res)
  }

/** Throws TlsError. */
function publicNamesSettings(env: GatewayEnv): PublicNamesSettings {
  if (env.KONG_PREFIX === undefined) throw new TlsError('PLINTH_DOMAIN: set KONG_PREFIX too, the folder in which the certificates are kept')
  return {
    domains: env.PLINTH_DOMAIN,
    directoryUrl: env.PLINTH_ACME_DIRECTORY_URL,
    email: env.PLINTH_ACME_EMAIL,
    challenge: env.PLINTH_ACME_CHALLENGE,
    folder: join(env.KONG_PREFIX, 'ssl'),
    httpsPort: Number(env.KONG_PORT_MAPS.find((item) => item.endsWith(`:${HTTPS}`))?.split(':')[0] ?? HTTPS),
  }
}

/** Throws ConfigurationError. */
function planOf(env: GatewayEnv, build: BuildSetup, { name, text }: { name: string; text: string }) {
  const variables = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  const configuration = loadConfiguration(text, { name, variables, plugins: build.plugins })
  const built = buildPlan(configuration, build)
  if ('problems' in built) throw new ConfigurationError(name, built.problems)
  return { plan: built.plan as Plan, hash: createHash('md5').update(text).digest('hex'), unset: configuration.unset, text }
}

/** Kong's own settings, for the admin API; what may hold a secret is not among them. */
function settingsOf(env: GatewayEnv): Record<string, unknown> {
  const shown = Object.entries(env).filter(([name]) => name.startsWith('KONG_') && !/PASSWORD|SECRET|KEY$|_STRING$/.test(name))
  return Object.fromEntries([['database', 'off'], ...shown.map(([name, value]) => [name.slice('KONG_'.length).toLowerCase(), value])])
}

async function configurationText(env: GatewayEnv): Promise<{ name: string; text: string }> {
  const { KONG_DECLARATIVE_CONFIG: path, KONG_DECLARATIVE_CONFIG_STRING: inline } = env
  if (path !== undefined) {
    try {
      return { name: path, text: await readFile(path, 'utf8') }
    } catch (error) {
      throw new ConfigurationError(path, [{ where: [], what: `cannot read the file (${(error as NodeJS.ErrnoException).code})` }])
    }
  }
  if (inline !== undefined) return { name: 'KONG_DECLARATIVE_CONFIG_STRING', text: inline }
  const form = env.PLINTH_GATEWAY_FORM
  return { name: `${form}.yml`, text: await readFile(OWN_FILES[form], 'utf8') }
}

function trustOf(env: GatewayEnv): TrustSettings {
  return {
    trusted: env.KONG_TRUSTED_IPS.length > 0 ? new AddressSet(env.KONG_TRUSTED_IPS) : undefined,
    realIpHeader: env.KONG_REAL_IP_HEADER.toLowerCase(),
    recursive: env.KONG_REAL_IP_RECURSIVE,
    portMaps: new Map(
      env.KONG_PORT_MAPS.map((item) => {
        const [outside, inside] = item.split(':').map(Number)
        if (!outside || !inside) throw new ListenError(`KONG_PORT_MAPS: expected outside:inside, got '${item}'`)
        return [inside, outside]
      }),
    ),
  }
}

/** `REST_URL=http://10.0.0.5:3000` is where `http://rest:3000` goes. */
function overridesOf(env: GatewayEnv): Overrides {
  const urls = new Map<string, URL>()
  for (const [name, value] of Object.entries(env))
    if (name.endsWith('_URL') && typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value))
      urls.set(name, new URL(value))
  if (urls.size === 0) return () => undefined
  const names = new Map<string, URL | undefined>()
  return (host) => {
    if (!names.has(host)) names.set(host, urls.get(`${host.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}_URL`))
    return names.get(host)
  }
}
