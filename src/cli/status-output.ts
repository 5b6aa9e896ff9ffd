// The values of `status` in every form that scripts and people read.
import { stringify as toToml } from 'smol-toml'
import { stringify as toYaml } from 'yaml'
import type { StatusValue } from '../stack/description.ts'
import type { StackStatus } from '../stack/stack.ts'

/** The values whose services run. */
export function presentValues({ nodes, description }: StackStatus): StatusValue[] {
  const up = new Set(
    nodes.filter(({ state }) => state === 'healthy' || state === 'started' || state === 'unhealthy').map(({ name }) => name),
  )
  return description.values.filter(({ node }) => node === undefined || up.has(node))
}

/** `api.url=NEXT_PUBLIC_SUPABASE_URL` renames one variable; unknown keys are ignored. */
export function renamed(values: readonly StatusValue[], overrides: readonly string[]): Record<string, string | number> {
  const names = new Map(
    overrides.map((override) => [override.slice(0, override.indexOf('=')), override.slice(override.indexOf('=') + 1)] as const),
  )
  const entries = values.map(({ key, name, value }) => [names.get(key) ?? name, value] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

export function formatValues(values: Readonly<Record<string, string | number>>, format: string): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(values, null, 2)}\n`
    case 'yaml':
      return toYaml(values)
    case 'toml':
      return toToml(values)
    default:
      return Object.entries(values)
        .map(([name, value]) => `${name}=${typeof value === 'number' ? value : JSON.stringify(value)}\n`)
        .join('')
  }
}

const TABLES: readonly { title: string; rows: readonly (readonly [label: string, name: string])[] }[] = [
  {
    title: '🔧 Development Tools',
    rows: [
      ['Studio', 'STUDIO_URL'],
      ['Mailpit', 'MAILPIT_URL'],
      ['MCP', 'MCP_URL'],
    ],
  },
  {
    title: '🌐 APIs',
    rows: [
      ['Project URL', 'API_URL'],
      ['REST', 'REST_URL'],
      ['GraphQL', 'GRAPHQL_URL'],
      ['Edge Functions', 'FUNCTIONS_URL'],
    ],
  },
  { title: '⛁ Database', rows: [['URL', 'DB_URL']] },
  {
    title: '🔑 Authentication Keys',
    rows: [
      ['Publishable', 'PUBLISHABLE_KEY'],
      ['Secret', 'SECRET_KEY'],
    ],
  },
  {
    title: '📦 Storage (S3)',
    rows: [
      ['URL', 'STORAGE_S3_URL'],
      ['Access Key', 'S3_PROTOCOL_ACCESS_KEY_ID'],
      ['Secret Key', 'S3_PROTOCOL_ACCESS_KEY_SECRET'],
      ['Region', 'S3_PROTOCOL_REGION'],
    ],
  },
  {
    title: '🔐 Dashboard',
    rows: [
      ['Name', 'DASHBOARD_USERNAME'],
      ['Password', 'DASHBOARD_PASSWORD'],
    ],
  },
]

/** The tables for a person, `columns` wide where that is known: without the URLs and keys of a service that this stack does not have. */
export function statusTables(status: StackStatus, columns?: number): string {
  const noStorage = status.description.absent.some(({ names }) => names.includes('storage'))
  const shown = presentValues(status).filter(({ name }) => !(noStorage && /^(STORAGE_S3|S3_PROTOCOL)_/.test(name)))
  return prettyTables(shown, columns)
}

/** Two-column tables with rounded borders; empty rows and tables are left out. Broken borders help nobody: a table that is too wide has none. */
export function prettyTables(values: readonly StatusValue[], columns = Number.POSITIVE_INFINITY): string {
  const byName = new Map(values.map(({ name, value }) => [name, String(value)]))
  const shown = TABLES.map(({ title, rows }) => ({
    title,
    rows: rows.flatMap(([label, name]) => (byName.has(name) ? [[label, byName.get(name)!] as const] : [])),
  })).filter(({ rows }) => rows.length > 0)
  return shown.map(({ title, rows }) => table(title, rows, columns)).join('\n')
}

function table(title: string, rows: readonly (readonly [string, string])[], columns: number): string {
  const left = Math.max(...rows.map(([label]) => label.length))
  const right = Math.max(...rows.map(([, value]) => value.length), widthOf(title) - left - 3)
  const inner = left + right + 5
  if (inner + 2 > columns) return [`  ${title}\n`, ...rows.map(([label, value]) => `  ${label.padEnd(left)}   ${value}\n`)].join('')
  const rule = (a: string, b: string, c: string) => `${a}${'─'.repeat(left + 2)}${b}${'─'.repeat(right + 2)}${c}\n`
  return [
    `╭${'─'.repeat(inner)}╮\n`,
    `│ ${title}${' '.repeat(Math.max(0, inner - 1 - widthOf(title)))}│\n`,
    rule('├', '┬', '┤'),
    ...rows.map(([label, value]) => `│ ${label.padEnd(left)} │ ${value.padEnd(right)} │\n`),
    rule('╰', '┴', '╯'),
  ].join('')
}

// Emoji take two cells of a terminal; the database sign takes one.
const widthOf = (text: string): number => [...text].reduce((width, character) => width + (character.codePointAt(0)! > 0xffff ? 2 : 1), 0)
