// The way in for a folder with supabase/config.toml: the stack that the Supabase CLI would start there, as one description.
import { development } from '../../env/development-keys.ts'
import { parseDuration } from '../../env/types.ts'
import { bucketsOf, writeBuckets } from '../../project/buckets.ts'
import { type LoadedProject, loadProject } from '../../project/config/load.ts'
import { databaseUrl, withClient } from '../../project/connect.ts'
import { type DeriveContext, settingsOf } from '../../project/derive/context.ts'
import { LOCAL_SERVICES } from '../../project/local-services.ts'
import { prepareDatabase } from '../../project/prepare.ts'
import { projectKeys } from '../../project/signing-keys.ts'
import { thirdPartyKeys } from '../../project/third-party-keys.ts'
import type { Environment } from '../../service/definition.ts'
import { absentService, CATALOGUE, type CatalogueEntry, entryNamed, NOT_IN_THIS_VERSION, needsAmong } from '../catalogue.ts'
import {
  type AbsentService,
  DEFAULT_HEALTH,
  type HealthCheck,
  type NodeDescription,
  type PublishedPort,
  type StatusValue,
} from '../description.ts'
import { keptPort } from '../kept-ports.ts'
import { placeOf } from '../placement.ts'
import { stateDirOf } from '../state-dir.ts'
import type { DescribeStack, SourceOptions } from './source.ts'

export const describeProject: DescribeStack = async (options) => {
  const { workDir, env: processEnv, migrations } = options
  const project = loadProject({ workDir, processEnv })
  const { config } = project
  const stateDir = stateDirOf(workDir)
  const choice = chooseServices(options, project)
  const names = new Set(choice.running.map(({ name }) => name))
  const keys = await projectKeys(project, await thirdPartyKeys(config))
  const context: DeriveContext = {
    project,
    keys,
    settings: settingsOf(project, keys),
    stateDir,
    smtpPort: names.has('mail') ? config.inbucket.smtp_port || (await keptPort(stateDir, 'smtp', portsOfConfig(config))) : undefined,
  }
  return {
    name: config.project_id,
    form: 'project',
    workDir,
    stateDir,
    nodes: choice.running.map((service) => nodeOf(service, context, names)),
    absent: choice.absent,
    values: statusValues(context, choice),
    ports: publishedPorts(context, names),
    prepare: (database, prepare) => {
      // A reset comes long after the start: what config.toml says by then about migrations, seeds and secrets counts.
      const now = prepare.fresh ? loadProject({ workDir, processEnv }).config : config
      return prepareDatabase({ workDir, config: now, migrations, databaseUrl: databaseUrl(config) }, database, prepare)
    },
    finish: async ({ report }) => {
      const { config: now } = loadProject({ workDir, processEnv })
      const buckets = bucketsOf(now)
      if (buckets.length === 0 || !now.storage.enabled) return
      await withClient(databaseUrl(config, 'supabase_storage_admin'), (client) => writeBuckets(client, buckets, report))
    },
    notices: [...project.warnings, ...choice.notices, ...versionNotice(config.db.major_version)],
  }
}

interface Choice {
  readonly running: readonly CatalogueEntry[]
  readonly absent: readonly AbsentService[]
  readonly notices: readonly string[]
  /** Wanted by the configuration and not left out, whether or not it exists. */
  readonly wanted: ReadonlySet<string>
}

/** PLINTH_SERVICES beats the configuration, --exclude beats both. The database always runs. */
function chooseServices({ env, exclude, schemas }: SourceOptions, { config }: LoadedProject): Choice {
  const listed = env['PLINTH_SERVICES'] ? namesIn(env['PLINTH_SERVICES']) : undefined
  const running: CatalogueEntry[] = []
  const absent: AbsentService[] = []
  const missing: string[] = []
  const wanted = new Set<string>()
  for (const entry of CATALOGUE) {
    const { name, upstream } = entry
    const { enabled, setting } = LOCAL_SERVICES[name]!
    const leave = (why: string) => absent.push(absentService(entry, why))
    if (listed ? name !== 'db' && !listed.has(name) : !enabled(config)) {
      leave(listed ? 'it is not among PLINTH_SERVICES.' : `${setting} = false in supabase/config.toml.`)
    } else if (upstream !== undefined && exclude.includes(upstream)) leave(`it was left out at start by --exclude ${upstream}.`)
    else {
      wanted.add(name)
      if (schemas.has(name)) running.push(entry)
      else {
        missing.push(name)
        leave(NOT_IN_THIS_VERSION)
      }
    }
  }
  return { running, absent, notices: missing.length === 0 ? [] : [missingNotice(missing)], wanted }
}

const missingNotice = (names: readonly string[]): string => {
  const [are, them] = names.length === 1 ? ['is', 'it'] : ['are', 'them']
  return `${names.join(', ')} ${are} enabled and not part of this version of Plinth yet: requests for ${them} answer 503.`
}

function namesIn(list: string): Set<string> {
  const names = list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  const unknown = names.filter((name) => !entryNamed(name))
  if (unknown.length > 0) {
    throw new Error(
      `PLINTH_SERVICES names unknown services: ${unknown.join(', ')}. There are: ${CATALOGUE.map(({ name }) => name).join(', ')}.`,
    )
  }
  return new Set(names.map((name) => entryNamed(name)!.name))
}

function nodeOf(entry: CatalogueEntry, context: DeriveContext, names: ReadonlySet<string>): NodeDescription {
  const { name, aliases } = entry
  return {
    name,
    kind: name,
    aliases,
    env: { ...LOCAL_SERVICES[name]!.variables(context), ...ownVariables(context.project.env) },
    needs: needsAmong(entry, names),
    health: name === 'db' ? databaseHealth(context.project.config.db.health_timeout) : entry.health,
    place: placeOf(name, context.project.env),
  }
}

/** Variables that only a service of ours can be meant by; they win over what the configuration says. */
function ownVariables(env: Environment): Environment {
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) => /^(GOTRUE|PGRST|KONG|MP|IMGPROXY|PG_META|LOGFLARE)_/.test(name) && value !== undefined),
  )
}

/** [db] health_timeout: asked every second for so long. */
function databaseHealth(timeout: string): HealthCheck {
  return { ...DEFAULT_HEALTH, intervalMs: 1_000, startPeriodMs: parseDuration(timeout) ?? 120_000 }
}

function portsOfConfig(config: LoadedProject['config']): Set<number> {
  const { api, db, studio, inbucket, analytics, edge_runtime } = config
  return new Set([
    api.port,
    db.port,
    db.shadow_port,
    db.pooler.port,
    studio.port,
    inbucket.port,
    analytics.port,
    edge_runtime.inspector_port,
  ])
}

/** Only the ports that config.toml names are fixed. */
function publishedPorts({ project }: DeriveContext, names: ReadonlySet<string>): PublishedPort[] {
  const { api, db, studio, inbucket, analytics } = project.config
  const port = (node: string, label: string, number: number, setting: string, endpoint?: number): PublishedPort[] =>
    names.has(node)
      ? [
          {
            host: '127.0.0.1',
            port: number,
            node,
            setting: `${setting} in supabase/config.toml`,
            label,
            ...(endpoint === undefined ? {} : { endpoint }),
          },
        ]
      : []
  return [
    ...port('db', 'database', db.port, '[db] port'),
    ...port('gateway', 'API', api.port, '[api] port', api.tls.enabled ? 8443 : 8000),
    ...port('studio', 'Studio', studio.port, '[studio] port', 3000),
    ...port('mail', 'mail', inbucket.port, '[inbucket] port', 8025),
    ...(inbucket.smtp_port ? port('mail', 'SMTP', inbucket.smtp_port, '[inbucket] smtp_port') : []),
    ...port('analytics', 'analytics', analytics.port, '[analytics] port', 4000),
    ...port('pooler', 'pooler', db.pooler.port, '[db.pooler] port'),
  ]
}

/** Everything that `status` can print, by upstream's keys and names. */
function statusValues({ project, keys, settings }: DeriveContext, { wanted, running }: Choice): StatusValue[] {
  const { config } = project
  const apiUrl = settings.publicUrl
  const exists = new Set(running.map(({ name }) => name))
  const values: StatusValue[] = []
  const add = (key: string, name: string, value: string, node: string) => {
    if (exists.has(node)) values.push({ key, name, value, node })
  }
  add('api.url', 'API_URL', apiUrl, 'gateway')
  add('api.rest_url', 'REST_URL', `${apiUrl}/rest/v1`, 'rest')
  add('api.graphql_url', 'GRAPHQL_URL', `${apiUrl}/graphql/v1`, 'rest')
  add('api.functions_url', 'FUNCTIONS_URL', `${apiUrl}/functions/v1`, 'functions')
  add('api.mcp_url', 'MCP_URL', `${apiUrl}/mcp`, 'studio')
  add('db.url', 'DB_URL', databaseUrl(config), 'db')
  add('studio.url', 'STUDIO_URL', `http://127.0.0.1:${config.studio.port}`, 'studio')
  add('mailpit.url', 'MAILPIT_URL', `http://127.0.0.1:${config.inbucket.port}`, 'mail')
  add('inbucket.url', 'INBUCKET_URL', `http://127.0.0.1:${config.inbucket.port}`, 'mail')
  add('auth.publishable_key', 'PUBLISHABLE_KEY', keys.publishableKey, 'auth')
  add('auth.secret_key', 'SECRET_KEY', keys.secretKey, 'auth')
  add('auth.jwt_secret', 'JWT_SECRET', keys.jwtSecret, 'auth')
  add('auth.anon_key', 'ANON_KEY', keys.anonKey, 'auth')
  add('auth.service_role_key', 'SERVICE_ROLE_KEY', keys.serviceRoleKey, 'auth')
  // Scripts read these whether or not storage is there yet; where it is, it has to run.
  if (wanted.has('storage') && config.storage.s3_protocol.enabled) {
    const node = exists.has('storage') ? { node: 'storage' } : {}
    values.push(
      { key: 'api.storage_s3_url', name: 'STORAGE_S3_URL', value: `${apiUrl}/storage/v1/s3`, ...node },
      { key: 'storage.s3_access_key_id', name: 'S3_PROTOCOL_ACCESS_KEY_ID', value: development.s3AccessKeyId, ...node },
      { key: 'storage.s3_secret_access_key', name: 'S3_PROTOCOL_ACCESS_KEY_SECRET', value: development.s3AccessKeySecret, ...node },
      { key: 'storage.s3_region', name: 'S3_PROTOCOL_REGION', value: development.s3Region, ...node },
    )
  }
  return values
}

const versionNotice = (major: number): string[] =>
  major === 17 ? [] : [`[db] major_version = ${major}: the embedded server is Postgres 17, which is used instead.`]
