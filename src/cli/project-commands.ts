// Commands that work on the files and the database of a local project, and those that only hosted projects know.
import type { CommandEntry } from './commands.ts'
import { HOSTED_ONLY } from './hosted-only.ts'

export const projectCommands: readonly CommandEntry[] = [
  { name: 'init', summary: 'Write supabase/config.toml for a new local project', load: async () => (await import('./init.ts')).init },
  { name: 'migration new', summary: 'Write a new migration file', load: async () => (await import('./migration-new.ts')).migrationNew },
  { name: 'migration up', summary: 'Apply pending migrations', load: async () => (await import('./migration-up.ts')).migrationUp },
  {
    name: 'migration list',
    summary: 'Show files and history side by side',
    load: async () => (await import('./migration-list.ts')).migrationList,
  },
  {
    name: 'migration repair',
    summary: 'Change the history without running anything',
    load: async () => (await import('./migration-repair.ts')).migrationRepair,
  },
  {
    name: 'migration down',
    summary: 'Go back to an earlier migration',
    load: async () => (await import('./migration-down.ts')).migrationDown,
  },
  {
    name: 'db push',
    summary: 'Apply pending migrations to a database that is kept',
    load: async () => (await import('./db-push.ts')).dbPush,
  },
  { name: 'db query', summary: 'Run SQL and print what comes back', load: async () => (await import('./db-query.ts')).dbQuery },
  { name: 'seed buckets', summary: 'Make the buckets of config.toml', load: async () => (await import('./seed-buckets.ts')).seedBuckets },
  { name: 'functions new', summary: 'Write a new edge function', load: async () => (await import('./functions-new.ts')).functionsNew },
  {
    name: 'gen signing-key',
    summary: 'Make a private key that signs tokens',
    load: async () => (await import('./gen-signing-key.ts')).genSigningKey,
  },
  { name: 'gen bearer-jwt', summary: 'Make a token for a role', load: async () => (await import('./gen-bearer-jwt.ts')).genBearerJwt },
  { name: 'test new', summary: 'Write a new database test', load: async () => (await import('./test-new.ts')).testNew },
  {
    name: 'services',
    summary: 'Show the upstream versions that the services follow',
    load: async () => (await import('./services.ts')).services,
  },
]

/** Known by name, so that a script gets a clear answer; left out of the overview. */
export const hostedCommands: readonly CommandEntry[] = HOSTED_ONLY.map((name) => ({
  name,
  hidden: true,
  summary: 'Works on hosted projects only: not part of Plinth',
  load: async () => (await import('./hosted-only.ts')).hostedOnly(name),
}))
