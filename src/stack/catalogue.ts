// The services of the platform, whether or not they exist in this version: their names elsewhere, their profile, what they wait for.
import type { Condition } from '../service/definition.ts'
import { type AbsentService, DEFAULT_HEALTH, type HealthCheck } from './description.ts'

export const PROFILES = ['minimal', 'standard', 'full'] as const
export type Profile = (typeof PROFILES)[number]

export interface CatalogueEntry {
  /** The folder under src/services, and the name of the node. */
  readonly name: string
  /** What upstream's command line calls it in `--exclude`; absent for what cannot be left out. */
  readonly upstream?: string
  /** Host names that upstream's compose file and images know it by. */
  readonly aliases: readonly string[]
  /** The smallest profile that has it. */
  readonly profile: Profile
  /** Logs are never among them: what does not start must not keep others from serving. */
  readonly needs: Readonly<Record<string, Condition>>
  readonly health: HealthCheck
}

const FIVE: HealthCheck = { ...DEFAULT_HEALTH, startPeriodMs: 0 }

/** In the order of a compose file's start. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  { name: 'db', aliases: ['supabase-db', 'postgres'], profile: 'minimal', needs: {}, health: { ...FIVE, retries: 10 } },
  {
    name: 'gateway',
    upstream: 'kong',
    aliases: ['kong', 'api-gw', 'envoy', 'supabase-kong', 'supabase-envoy'],
    profile: 'minimal',
    needs: {},
    health: FIVE,
  },
  {
    name: 'auth',
    upstream: 'gotrue',
    aliases: ['gotrue', 'supabase-auth'],
    profile: 'minimal',
    needs: { db: 'healthy' },
    health: FIVE,
  },
  {
    name: 'rest',
    upstream: 'postgrest',
    aliases: ['postgrest', 'supabase-rest'],
    profile: 'minimal',
    needs: { db: 'healthy' },
    health: FIVE,
  },
  {
    name: 'mail',
    upstream: 'mailpit',
    aliases: ['supabase-mail', 'mailpit', 'inbucket'],
    profile: 'minimal',
    needs: {},
    health: FIVE,
  },
  {
    name: 'realtime',
    upstream: 'realtime',
    aliases: ['realtime-dev.supabase-realtime', 'realtime-dev', 'supabase-realtime'],
    profile: 'standard',
    needs: { db: 'healthy' },
    health: { intervalMs: 30_000, timeoutMs: 5_000, retries: 3, startPeriodMs: 10_000 },
  },
  {
    name: 'imgproxy',
    upstream: 'imgproxy',
    aliases: ['supabase-imgproxy'],
    profile: 'standard',
    needs: {},
    health: FIVE,
  },
  {
    name: 'storage',
    upstream: 'storage-api',
    aliases: ['storage-api', 'supabase-storage'],
    profile: 'standard',
    needs: { db: 'healthy', rest: 'started', imgproxy: 'started' },
    health: DEFAULT_HEALTH,
  },
  {
    name: 'meta',
    upstream: 'postgres-meta',
    aliases: ['pg-meta', 'postgres-meta', 'supabase-meta'],
    profile: 'standard',
    needs: { db: 'healthy' },
    health: FIVE,
  },
  {
    name: 'functions',
    upstream: 'edge-runtime',
    aliases: ['edge-runtime', 'supabase-edge-functions'],
    profile: 'standard',
    needs: {},
    health: FIVE,
  },
  {
    name: 'studio',
    upstream: 'studio',
    aliases: ['supabase-studio'],
    profile: 'standard',
    needs: {},
    health: { intervalMs: 5_000, timeoutMs: 10_000, retries: 3, startPeriodMs: 20_000 },
  },
  {
    name: 'analytics',
    upstream: 'logflare',
    aliases: ['logflare', 'supabase-analytics'],
    profile: 'full',
    needs: { db: 'healthy' },
    health: { intervalMs: 5_000, timeoutMs: 5_000, retries: 10, startPeriodMs: 30_000 },
  },
  {
    name: 'vector',
    upstream: 'vector',
    aliases: ['supabase-vector'],
    profile: 'full',
    needs: {},
    health: FIVE,
  },
  {
    name: 'pooler',
    upstream: 'supavisor',
    aliases: ['supavisor', 'supabase-pooler'],
    profile: 'full',
    needs: { db: 'healthy' },
    health: { intervalMs: 10_000, timeoutMs: 5_000, retries: 5, startPeriodMs: 30_000 },
  },
]

/** The entry that a person means by this name: ours, the upstream program's, or a host name. */
export const entryNamed = (name: string): CatalogueEntry | undefined =>
  CATALOGUE.find((entry) => entry.name === name) ?? CATALOGUE.find((entry) => entry.upstream === name || entry.aliases.includes(name))

export const inProfile = (profile: Profile): string[] =>
  CATALOGUE.filter((entry) => PROFILES.indexOf(entry.profile) <= PROFILES.indexOf(profile)).map(({ name }) => name)

/** What of `needs` can be waited for: services that this stack has. */
export const needsAmong = (entry: CatalogueEntry, present: ReadonlySet<string>): Readonly<Record<string, Condition>> =>
  Object.fromEntries(Object.entries(entry.needs).filter(([name]) => present.has(name)))

/** A service without a node; `why` is the rest of the sentence. */
export const absentService = ({ name, aliases }: CatalogueEntry, why: string): AbsentService => ({
  names: [name, ...aliases],
  reason: `The service ${name} is not running: ${why}`,
})

/** For services that belong to the platform and that this version does not have. */
export const NOT_IN_THIS_VERSION = 'this version of Plinth does not have it yet.'
