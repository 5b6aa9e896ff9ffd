// The services of a local project: what switches each on, where it is known by which names, what it needs, and its variables.
import type { Condition } from '../service/definition.ts'
import type { ProjectConfig } from './config/schema.ts'
import { analytics, vector } from './derive/analytics.ts'
import { auth } from './derive/auth.ts'
import type { DeriveContext, Variables } from './derive/context.ts'
import { database, pooler } from './derive/database.ts'
import { functions } from './derive/functions.ts'
import { gateway } from './derive/gateway.ts'
import { mail } from './derive/mail.ts'
import { realtime } from './derive/realtime.ts'
import { rest } from './derive/rest.ts'
import { imgproxy, storage } from './derive/storage.ts'
import { meta, studio } from './derive/studio.ts'

export interface LocalService {
  /** Name of the node and of the folder under src/services. */
  readonly name: string
  readonly aliases: readonly string[]
  /** Its name for `--exclude`. */
  readonly excludeAs?: string
  readonly enabled: (config: ProjectConfig) => boolean
  /** How a person switches it off and on. */
  readonly setting: string
  readonly needs: Readonly<Record<string, Condition>>
  readonly variables: (context: DeriveContext) => Variables
}

const onDatabase = { db: 'healthy' } as const

export const LOCAL_SERVICES: readonly LocalService[] = [
  { name: 'db', aliases: ['supabase-db'], enabled: () => true, setting: '', needs: {}, variables: database },
  {
    name: 'rest',
    aliases: ['supabase-rest'],
    excludeAs: 'postgrest',
    enabled: ({ api }) => api.enabled,
    setting: '[api] enabled',
    needs: onDatabase,
    variables: rest,
  },
  {
    name: 'auth',
    aliases: ['supabase-auth'],
    excludeAs: 'gotrue',
    enabled: (config) => config.auth.enabled,
    setting: '[auth] enabled',
    needs: onDatabase,
    variables: auth,
  },
  {
    name: 'mail',
    aliases: ['inbucket', 'mailpit', 'supabase-mail'],
    excludeAs: 'mailpit',
    enabled: ({ inbucket }) => inbucket.enabled,
    setting: '[inbucket] enabled',
    needs: {},
    variables: mail,
  },
  {
    name: 'realtime',
    aliases: ['realtime-dev.supabase-realtime', 'supabase-realtime'],
    excludeAs: 'realtime',
    enabled: (config) => config.realtime.enabled,
    setting: '[realtime] enabled',
    needs: onDatabase,
    variables: realtime,
  },
  {
    name: 'storage',
    aliases: ['supabase-storage'],
    excludeAs: 'storage-api',
    enabled: (config) => config.storage.enabled,
    setting: '[storage] enabled',
    needs: { db: 'healthy', rest: 'started', imgproxy: 'started' },
    variables: storage,
  },
  {
    name: 'imgproxy',
    aliases: ['supabase-imgproxy'],
    excludeAs: 'imgproxy',
    enabled: (config) => config.storage.enabled && (config.storage.image_transformation?.enabled ?? false),
    setting: '[storage.image_transformation] enabled',
    needs: {},
    variables: imgproxy,
  },
  {
    name: 'meta',
    aliases: ['pg-meta', 'supabase-meta'],
    excludeAs: 'postgres-meta',
    enabled: (config) => config.studio.enabled,
    setting: '[studio] enabled',
    needs: onDatabase,
    variables: meta,
  },
  {
    name: 'studio',
    aliases: ['supabase-studio'],
    excludeAs: 'studio',
    enabled: (config) => config.studio.enabled,
    setting: '[studio] enabled',
    needs: {},
    variables: studio,
  },
  {
    name: 'functions',
    aliases: ['edge-runtime', 'supabase-edge-functions'],
    excludeAs: 'edge-runtime',
    enabled: (config) => config.edge_runtime.enabled,
    setting: '[edge_runtime] enabled',
    needs: {},
    variables: functions,
  },
  {
    name: 'analytics',
    aliases: ['logflare', 'supabase-analytics'],
    excludeAs: 'logflare',
    enabled: (config) => config.analytics.enabled,
    setting: '[analytics] enabled',
    needs: onDatabase,
    variables: analytics,
  },
  {
    name: 'vector',
    aliases: ['supabase-vector'],
    excludeAs: 'vector',
    enabled: (config) => config.analytics.enabled,
    setting: '[analytics] enabled',
    needs: {},
    variables: vector,
  },
  {
    name: 'pooler',
    aliases: ['supavisor', 'supabase-pooler'],
    excludeAs: 'supavisor',
    enabled: (config) => config.db.pooler.enabled,
    setting: '[db.pooler] enabled',
    needs: onDatabase,
    variables: pooler,
  },
  {
    name: 'gateway',
    aliases: ['kong', 'api-gw', 'envoy', 'supabase-kong'],
    excludeAs: 'kong',
    enabled: ({ api }) => api.enabled,
    setting: '[api] enabled',
    needs: {},
    variables: gateway,
  },
]
