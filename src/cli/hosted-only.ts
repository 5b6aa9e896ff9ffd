// Commands of the Supabase CLI that need a project hosted by Supabase: they are known, and say so.
import { CliError, type Command } from './command.ts'

export const HOSTED_ONLY: readonly string[] = [
  'login',
  'logout',
  'link',
  'unlink',
  'projects',
  'orgs',
  'secrets',
  'branches',
  'backups',
  'config push',
  'domains',
  'encryption',
  'functions deploy',
  'functions delete',
  'functions download',
  'functions list',
  'gen keys',
  'network-bans',
  'network-restrictions',
  'postgres-config',
  'snippets',
  'ssl-enforcement',
  'sso',
  'vanity-subdomains',
]

export const hostedOnly = (name: string): Command => ({
  name,
  summary: 'Works on hosted projects only: not part of Plinth',
  maxArgs: Number.POSITIVE_INFINITY,
  flags: ['project-ref', 'password', 'token', 'env-file'].map((flag) => ({ name: flag, kind: 'string' as const, help: '', hidden: true })),
  async run() {
    throw new CliError(`supabase ${name} works on projects hosted by Supabase, which Plinth does not manage.`, {
      suggestion: 'For those, use the CLI of Supabase itself.',
    })
  },
})
