// `supabase migration list`: files and history side by side.
import { appliedVersions, listMigrations } from '../project/migrations.ts'
import type { Command } from './command.ts'
import { exclusiveTargets, reporter, targetFlags, withTarget } from './project-link.ts'

export const migrationList: Command = {
  name: 'migration list',
  summary: 'Show which migrations are files and which the database has seen',
  flags: targetFlags,
  exclusive: [exclusiveTargets],
  async run(invocation) {
    const [files, applied] = await withTarget(
      invocation,
      { localByDefault: false },
      async ({ project, client }) =>
        [listMigrations(project.workDir, reporter(invocation)).map(({ version }) => version), await appliedVersions(client)] as const,
    )
    invocation.io.out(migrationTable(files, applied))
    return 0
  },
}

/** Versions of both sides in their order; a side that lacks one is blank. */
export function migrationTable(files: readonly string[], applied: readonly string[]): string {
  const here = new Set(files)
  const there = new Set(applied)
  const rows = [...new Set([...files, ...applied])]
    .sort()
    .map((version) => [here.has(version) ? version : '', there.has(version) ? version : '', timeOf(version)])
  const head = ['Local', 'Remote', 'Time (UTC)']
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string => `  ${cells.map((cell, column) => ` ${cell.padEnd(widths[column]!)} `).join('|')}\n`
  return `\n${line(head)}  ${widths.map((width) => '-'.repeat(width + 2)).join('|')}\n${rows.map(line).join('')}\n`
}

/** `2024-01-02 03:04:05`, or the version itself where it is no time. */
function timeOf(version: string): string {
  const iso = version.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6.000Z')
  const time = new Date(iso)
  return iso !== version && !Number.isNaN(time.getTime()) && time.toISOString() === iso ? iso.slice(0, 19).replace('T', ' ') : version
}
