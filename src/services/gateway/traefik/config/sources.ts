// Where the static configuration comes from: a file, else flags, else `TRAEFIK_*` variables; one of them alone counts.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from '../../../../service/definition.ts'
import { type ConfigProblem, type Raw, readShape, TraefikConfigError } from './conform.ts'
import { parseText } from './parse-text.ts'
import { type StaticConfig, staticSchema } from './static.ts'
import { treeOf, treeOfVariables } from './tree.ts'

/** The arguments of the command line behind the service's name, one a line. */
export const FLAGS_VARIABLE = 'PLINTH_GATEWAY_FLAGS'

/** Variables of this beginning that are no part of the configuration. */
const NOT_CONFIGURATION = new Set(['TRAEFIK_CONFIGFILE'])

/** Whether this environment asks for Traefik's front end. */
export function asksForTraefik(env: Environment): boolean {
  if (env[FLAGS_VARIABLE]) return true
  return Object.keys(env).some((name) => /^TRAEFIK_(?:PROVIDERS_|CONFIGFILE$)/i.test(name) && env[name] !== '')
}

/** Throws TraefikConfigError. */
export function readStatic(env: Environment): StaticConfig {
  const flags = readFlags(env[FLAGS_VARIABLE] ?? '')
  const file = configFile(flags.find(([key]) => key.toLowerCase() === 'configfile')?.[1] ?? env['TRAEFIK_CONFIGFILE'], env)
  if (file) return checked(readShape(file.raw, staticSchema, file.name), file.name)
  const given = flags.filter(([key]) => key.toLowerCase() !== 'configfile')
  if (given.length > 0) return checked(readShape(treeOf(given, ''), staticSchema, 'command line'), 'command line')
  const variables = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      /^TRAEFIK_/i.test(entry[0]) && entry[1] !== undefined && !NOT_CONFIGURATION.has(entry[0].toUpperCase()),
  )
  const { raw, unknown } = treeOfVariables(variables, staticSchema)
  if (unknown.length > 0)
    throw new TraefikConfigError(
      'environment',
      unknown.map((name) => ({ where: name, what: 'no such setting' })),
    )
  return checked(readShape(raw, staticSchema, 'environment'), 'environment')
}

/** `--entrypoints.web.address=:80`, `--api`, `--ping true`; a blank instead of `=` is taken where no flag follows. */
function readFlags(text: string): [string, string][] {
  const args = text.split('\n').filter((arg) => arg !== '')
  const problems: ConfigProblem[] = []
  const pairs: [string, string][] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    const match = /^--?([^=\s]+)(?:=([\s\S]*))?$/.exec(arg)
    if (!match) {
      problems.push({ where: arg, what: 'expected a flag such as --entrypoints.web.address=:80' })
      continue
    }
    const [, key = '', value] = match
    const next = args[at + 1]
    if (value !== undefined) pairs.push([key, value])
    else if (next !== undefined && !next.startsWith('-')) {
      pairs.push([key, next])
      at++
    } else pairs.push([key, 'true'])
  }
  if (problems.length > 0) throw new TraefikConfigError('command line', problems)
  return pairs
}

function configFile(named: string | undefined, env: Environment): { name: string; raw: Raw } | undefined {
  if (named) return { name: named, raw: readFile(named) }
  const home = env['HOME']
  const folders = [
    '/etc/traefik',
    ...(env['XDG_CONFIG_HOME'] ? [env['XDG_CONFIG_HOME']] : []),
    ...(home ? [join(home, '.config')] : []),
    '.',
  ]
  for (const folder of folders)
    for (const extension of ['toml', 'yaml', 'yml']) {
      const path = join(folder, `traefik.${extension}`)
      if (existsSync(path)) return { name: path, raw: readFile(path) }
    }
  return undefined
}

function readFile(path: string): Raw {
  try {
    return parseText(path, readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof TraefikConfigError) throw error
    throw new TraefikConfigError(path, [{ where: '', what: `cannot read the file (${(error as NodeJS.ErrnoException).code})` }])
  }
}

/** What only shows when the parts meet, and what Traefik adds by itself. */
function checked(config: StaticConfig, origin: string): StaticConfig {
  const problems: ConfigProblem[] = []
  const entryPoints = { ...config.entryPoints }
  const add = (name: string, address: string) => {
    entryPoints[name] = staticSchema.shape.entryPoints.parse({ [name]: { address } })[name]!
  }
  if (Object.keys(entryPoints).every((name) => name === 'traefik')) add('http', ':80')
  const internal =
    (config.api?.insecure ?? false) ||
    (config.ping && !config.ping.manualRouting && config.ping.entryPoint === 'traefik') ||
    (config.metrics?.prometheus && !config.metrics.prometheus.manualRouting && config.metrics.prometheus.entryPoint === 'traefik')
  if (internal && !Object.hasOwn(entryPoints, 'traefik')) add('traefik', ':8080')
  for (const [name, { address, http }] of Object.entries(entryPoints)) {
    if (!/\/udp$/i.test(address) && !parseAddress(address))
      problems.push({ where: `entryPoints.${name}.address`, what: `expected [host]:port, got '${address}'` })
    const to = http.redirections?.entryPoint?.to
    if (to === '') problems.push({ where: `entryPoints.${name}.http.redirections.entryPoint`, what: 'to: required' })
    else if (to !== undefined && !/^:\d+$/.test(to) && !Object.hasOwn(entryPoints, to))
      problems.push({
        where: `entryPoints.${name}.http.redirections.entryPoint.to`,
        what: `'to' entry point field references a non-existing entry point: ${to}`,
      })
  }
  problems.push(...unserved(config))
  const { file, compose } = config.providers
  if (file && file.filename === '' && file.directory === '')
    problems.push({ where: 'providers.file', what: 'filename or directory is required' })
  if (compose && compose.filename === '') problems.push({ where: 'providers.compose', what: 'filename is required' })
  for (const [where, name] of [
    ['ping.entryPoint', config.ping?.manualRouting ? undefined : config.ping?.entryPoint],
    ['metrics.prometheus.entryPoint', config.metrics?.prometheus?.manualRouting ? undefined : config.metrics?.prometheus?.entryPoint],
  ] as const)
    if (name !== undefined && !Object.hasOwn(entryPoints, name)) problems.push({ where, what: `no such entry point: ${name}` })
  if (!/^v[23]$/.test(config.core.defaultRuleSyntax)) problems.push({ where: 'core.defaultRuleSyntax', what: 'v2 or v3' })
  if (problems.length > 0) throw new TraefikConfigError(origin, problems)
  return { ...config, entryPoints }
}

/** What is listed by Traefik, would change who is let in or how long, and is not here. */
function unserved({ entryPoints, certificatesResolvers = {} }: StaticConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [name, { proxyProtocol, transport }] of Object.entries(entryPoints)) {
    if (proxyProtocol) problems.push({ where: `entryPoints.${name}.proxyProtocol`, what: 'the PROXY protocol is not read, leave it out' })
    if (transport.keepAliveMaxTime > 0)
      problems.push({ where: `entryPoints.${name}.transport.keepAliveMaxTime`, what: 'not served: keepAliveMaxRequests is' })
  }
  for (const [name, { acme, tailscale }] of Object.entries(certificatesResolvers)) {
    const where = `certificatesResolvers.${name}`
    if (tailscale !== undefined) problems.push({ where: `${where}.tailscale`, what: 'not served' })
    if (acme?.dnsChallenge !== undefined)
      problems.push({ where: `${where}.acme.dnsChallenge`, what: 'not served: httpChallenge and tlsChallenge are' })
    if (acme?.httpChallenge && !Object.hasOwn(entryPoints, acme.httpChallenge.entryPoint))
      problems.push({ where: `${where}.acme.httpChallenge.entryPoint`, what: `no such entry point: ${acme.httpChallenge.entryPoint}` })
  }
  return problems
}

/** `:80`, `127.0.0.1:80/tcp`, `[::1]:80`. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]/\s]*):(\d{1,5})(?:\/tcp)?$/i.exec(address)
  if (!match || Number(match[2]) > 65_535) return undefined
  return { host: match[1]!.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(match[2]) }
}
