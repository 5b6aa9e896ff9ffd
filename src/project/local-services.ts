// The services of a local project: what in config.toml switches each on, and where its variables come from.
import type { Environment } from '../service/definition.ts'
import type { ProjectConfig } from './config/schema.ts'
import { auth } from './derive/auth.ts'
import type { DeriveContext } from './derive/context.ts'
import * as derive from './derive/services.ts'

export interface LocalService {
  readonly enabled: (config: ProjectConfig) => boolean
  /** The key that a person changes. */
  readonly setting: string
  readonly variables: (context: DeriveContext) => Environment
}

/** By the names of the catalogue. */
export const LOCAL_SERVICES: Readonly<Record<string, LocalService>> = {
  db: { enabled: () => true, setting: '', variables: derive.db },
  gateway: { enabled: ({ api }) => api.enabled, setting: '[api] enabled', variables: derive.gateway },
  auth: { enabled: (config) => config.auth.enabled, setting: '[auth] enabled', variables: auth },
  rest: { enabled: ({ api }) => api.enabled, setting: '[api] enabled', variables: derive.rest },
  mail: { enabled: ({ inbucket }) => inbucket.enabled, setting: '[inbucket] enabled', variables: derive.mail },
  realtime: { enabled: (config) => config.realtime.enabled, setting: '[realtime] enabled', variables: derive.realtime },
  storage: { enabled: (config) => config.storage.enabled, setting: '[storage] enabled', variables: derive.storage },
  imgproxy: {
    enabled: ({ storage }) => storage.enabled && (storage.image_transformation?.enabled ?? false),
    setting: '[storage.image_transformation] enabled',
    variables: derive.imgproxy,
  },
  meta: { enabled: (config) => config.studio.enabled, setting: '[studio] enabled', variables: derive.meta },
  studio: { enabled: (config) => config.studio.enabled, setting: '[studio] enabled', variables: derive.studio },
  functions: { enabled: ({ edge_runtime }) => edge_runtime.enabled, setting: '[edge_runtime] enabled', variables: derive.functions },
  analytics: { enabled: (config) => config.analytics.enabled, setting: '[analytics] enabled', variables: derive.analytics },
  vector: { enabled: (config) => config.analytics.enabled, setting: '[analytics] enabled', variables: derive.vector },
  pooler: { enabled: ({ db }) => db.pooler.enabled, setting: '[db.pooler] enabled', variables: derive.pooler },
}
