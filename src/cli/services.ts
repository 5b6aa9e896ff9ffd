// `supabase services`: which upstream service each part stands for, and the version whose behaviour it follows.
import { type Command, flagText } from './command.ts'
import { csv, textTable } from './result-output.ts'

const VERSIONS: readonly (readonly [service: string, version: string])[] = [
  ['supabase/postgres', '17.10'],
  ['supabase/gotrue', 'v2.189.0'],
  ['postgrest/postgrest', 'v14.12'],
  ['supabase/realtime', 'v2.102.3'],
  ['supabase/storage-api', 'v1.60.4'],
  ['supabase/edge-runtime', 'v1.74.0'],
  ['supabase/studio', '2026.05'],
  ['supabase/postgres-meta', 'v0.96.6'],
  ['supabase/logflare', '1.42.0'],
  ['supabase/supavisor', '2.9.5'],
]

export const services: Command = {
  name: 'services',
  summary: 'Show the upstream versions that the services follow',
  async run({ flags, io }) {
    const format = flagText(flags, 'output')
    if (format === 'json')
      io.out(
        `${JSON.stringify(
          VERSIONS.map(([name, local]) => ({ name, local, remote: '' })),
          null,
          2,
        )}\n`,
      )
    else {
      const fields = ['SERVICE IMAGE', 'LOCAL', 'LINKED'].map((name) => ({ name, typeId: 0 }))
      const table = { fields, rows: VERSIONS.map(([name, local]) => [name, local, '-']) }
      io.out(format === 'csv' ? csv(table) : textTable(table).replace(/\(\d+ rows?\)\n$/, ''))
    }
    return 0
  },
}
