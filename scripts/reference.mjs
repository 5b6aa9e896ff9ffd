// Writes the reference pages from the program's own tables: variables from each service's schema, commands from the command line's
// list. `--check` writes nothing and fails when a page is not what it would be.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { makeReady, root } from './ready.mjs'

await makeReady()
const dist = (path) => import(pathToFileURL(join(root, 'dist', path)).href)
const { kinds, loadKind } = await dist('stack/kinds.js')
const { commands } = await dist('cli/commands.js')
const { globalFlags } = await dist('cli/command.js')
const types = await dist('env/types.js')
const { selfHostedEnv } = await dist('env/self-hosted.js')

const HEAD = '<!-- Made by `node scripts/reference.mjs`. Change the tables in the code, not this page. -->\n'
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

// Variables -----------------------------------------------------------------------------------------------------------------------------

const WORDS = new Map([
  [types.text, 'text'],
  [types.secret, 'text (secret)'],
  [types.bool, 'true or false'],
  [types.count, 'a whole number'],
  [types.integer, 'an integer'],
  [types.number, 'a number'],
  [types.port, 'a port from 1 to 65535'],
  [types.list, 'a comma separated list'],
  [types.url, 'a URL'],
  [types.json, 'JSON'],
  [types.duration, 'a duration such as 30s, 5m or 1h30m'],
  [types.durationOrSeconds, 'a duration such as 30s or 5m, or seconds'],
])
const DURATIONS = new Set([types.duration, types.durationOrSeconds])

/** The schema within `optional()` and `default()`, and what those said. */
function unwrap(schema) {
  let inner = schema
  let fallback
  let required = true
  for (;;) {
    const { type, innerType, defaultValue } = inner.def
    if (type !== 'optional' && type !== 'default' && type !== 'prefault') return { inner, fallback, required }
    if (type !== 'optional') fallback = defaultValue
    required = false
    inner = innerType
  }
}

/** What a value is refused with, where the shared vocabulary does not know the schema. */
function expectation(inner) {
  const word = WORDS.get(inner)
  if (word) return word
  if (inner.def.type === 'enum')
    return `one of ${Object.values(inner.def.entries)
      .filter((value) => value !== '')
      .join(', ')}`
  const refusals = ['?!', '-1.5.', '999999999999999999', '{'].flatMap((value) => inner.safeParse(value).error?.issues ?? [])
  return refusals[0]?.message.replace(/^expected /i, '') ?? 'text'
}

function shown(fallback, inner) {
  if (fallback === undefined) return ''
  if (DURATIONS.has(inner)) return `\`${goDuration(fallback)}\``
  if (Array.isArray(fallback)) return fallback.length === 0 ? 'empty' : `\`${fallback.join(',')}\``
  if (typeof fallback === 'object' && fallback !== null && 'port' in fallback)
    return `\`${fallback.host.includes(':') ? `[${fallback.host}]` : fallback.host}:${fallback.port}\``
  if (fallback === '') return 'empty'
  return `\`${typeof fallback === 'object' ? JSON.stringify(fallback) : String(fallback)}\``
}

function goDuration(ms) {
  const units = [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
    ['ms', 1],
  ]
  const parts = units.flatMap(([unit, size], at) => {
    const count = Math.floor((ms % (units[at - 1]?.[1] ?? Number.POSITIVE_INFINITY)) / size)
    return count > 0 ? [`${count}${unit}`] : []
  })
  return parts.join('') || '0'
}

/** What the comments above the keys of the schemas say. */
function remarksOf(kind) {
  const folder = join(root, 'dist', 'services', kind)
  const files = readdirSync(folder, { recursive: true }).filter((path) => /(^|[/\\])env[^/\\]*([/\\][^/\\]*)?\.js$/.test(path))
  return remarksIn(files.map((path) => join(folder, path)))
}
function remarksIn(files) {
  const found = new Map()
  for (const file of files) {
    const source = readFileSync(file, 'utf8')
    for (const [, comment, name] of source.matchAll(/\/\*\* ((?:(?!\*\/).)*) \*\/\s*\n\s*([A-Z][A-Z0-9_]*):/g)) found.set(name, comment)
  }
  return found
}

function variableTable(env, says) {
  const rows = Object.entries(env.shape).map(([name, schema]) => {
    const { inner, fallback, required } = unwrap(schema)
    const value = required ? '**required**' : shown(fallback, inner)
    return `| \`${name}\` | ${cell(expectation(inner))} | ${cell(value)} | ${cell(says.get(name) ?? '')} |`
  })
  return `| variable | value | default | |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

async function environmentPage() {
  const sections = []
  for (const kind of Object.keys(kinds).sort()) {
    const { env } = await loadKind(kind)
    sections.push(`## ${kind}\n\n${variableTable(env, remarksOf(kind))}`)
  }
  const own = variableTable(selfHostedEnv, remarksIn([join(root, 'dist', 'env', 'self-hosted.js')]))
  return `${HEAD}
# Variables

A self-hosted stack reads its \`.env\`; a local project reads \`supabase/config.toml\`. What each service needs is derived from them. A
service's own variable (\`GOTRUE_*\`, \`PGRST_*\`, \`MP_*\`, ...) that you set in \`.env\` or in the environment wins over what is derived.
\`plinth serve SERVICE\` reads the service's variables from the process environment and nothing else.

Any variable \`X\` can be given as \`X_FILE\` instead: the path of a file that holds the value, as Docker secrets are mounted. An empty
variable counts as one that is not set. Every wrong or missing variable is named in one message before anything starts.

## The .env of a self-hosted stack

Names and defaults are those of upstream's compose file; the ones that begin with \`PLINTH_\` are Plinth's. Those without a default that
are needed are made by the first start.

${own.replaceAll('**required**', 'made')}
# Variables of each service

${sections.join('\n')}`
}

// Commands ------------------------------------------------------------------------------------------------------------------------------

function flagRows(flags) {
  return flags
    .filter(({ hidden }) => !hidden)
    .map((flag) => {
      const value = flag.kind === 'boolean' ? '' : ` ${flag.value ?? 'VALUE'}`
      const names = `${flag.short ? `\`-${flag.short}\`, ` : ''}\`--${flag.name}${value}\``
      const choice = flag.oneOf ? ` (${flag.oneOf.join(', ')})` : ''
      const fallback = flag.default === undefined || flag.default === false ? '' : `; default \`${flag.default}\``
      return `| ${names} | ${cell(`${flag.help}${choice}${fallback}`)} |`
    })
    .join('\n')
}

async function commandsPage() {
  const sections = []
  const hosted = []
  for (const entry of commands) {
    if (/hosted projects only/.test(entry.summary)) {
      hosted.push(`\`${entry.name}\``)
      continue
    }
    const command = await entry.load()
    const own = flagRows(command.flags ?? [])
    const usage = `plinth ${command.name}${command.args ? ` ${command.args}` : ''}`
    sections.push(`## ${command.name}\n\n${command.summary}.\n\n    ${usage}\n${own === '' ? '' : `\n| flag | |\n|---|---|\n${own}\n`}`)
  }
  return `${HEAD}
# The command line

\`plinth\` and \`supabase\` are two names of one program. Data goes to stdout, lines for people go to stderr; the exit code is 0 when
the command did what it was asked to.

${sections.join('\n')}
## Not part of Plinth

These commands of the Supabase CLI work on hosted projects only. Plinth knows their names and says so: ${hosted.join(', ')}.

## Flags of every command

| flag | |
|---|---|
${flagRows(globalFlags)}
`
}

// Errors --------------------------------------------------------------------------------------------------------------------------------

const words = (message) => cell(message.replaceAll('%', '…'))

async function restErrors() {
  const { errorTable } = await dist('services/rest/errors.js')
  const rows = Object.entries(errorTable).map(([code, { status, message }]) => `| \`${code}\` | ${status} | ${words(message)} |`)
  return `${HEAD}
# Errors of REST

The body is \`{ "code", "details", "hint", "message" }\`, as upstream writes it; "…" stands for words of the case. What Postgres refuses
comes with Postgres' own code (\`23505\`, \`42501\`, ...), its message, details and hint.

| code | status | message |
|---|---|---|
${rows.join('\n')}
`
}

async function authErrors() {
  const table = await dist('services/auth/errors.js')
  // Two entries make their code of the kind of factor: `mfa_totp_enroll_not_enabled`.
  const made = Object.entries(table.errors).map(([name, make]) =>
    make(/^enroll/.test(name) ? 'mfa_…_enroll_not_enabled' : /^mfaVerify/.test(name) ? 'mfa_…_verify_not_enabled' : '%', '%'),
  )
  const seen = new Map(
    made.filter(({ code }) => code !== undefined).map((error) => [`${error.status} ${error.code} ${error.message}`, error]),
  )
  const rows = [...seen.values()]
    .sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0))
    .map(({ code, status, message }) => `| \`${code}\` | ${status} | ${words(message)} |`)
  return `${HEAD}
# Errors of Auth

Clients match on the code; "…" stands for words of the case.

| code | status | message |
|---|---|---|
${rows.join('\n')}
`
}

async function gatewayErrors() {
  const { errors } = await dist('services/gateway/errors.js')
  const rows = Object.values(errors).map(({ status, message }) => `| ${status} | ${words(message)} |`)
  return `${HEAD}
# Errors of the gateway

Answers that the gateway makes itself, before or instead of a service's. Plugins add theirs (a missing key is 401, a key of another
group 403). A service that this stack does not run answers 503 and is named in the message.

| status | message |
|---|---|
${rows.join('\n')}
`
}

// Pages ---------------------------------------------------------------------------------------------------------------------------------

const pages = {
  'environment.md': await environmentPage(),
  'command-line.md': await commandsPage(),
  'errors-auth.md': await authErrors(),
  'errors-gateway.md': await gatewayErrors(),
  'errors-rest.md': await restErrors(),
}
const folder = join(root, 'docs', 'reference')
const checking = process.argv.includes('--check')
let stale = 0
mkdirSync(folder, { recursive: true })
for (const [name, text] of Object.entries(pages)) {
  const path = join(folder, name)
  let current
  try {
    current = readFileSync(path, 'utf8')
  } catch {
    // A page that is not there yet differs from any.
  }
  if (current === text) continue
  stale++
  if (checking) console.error(`docs/reference/${name} is not what the code says: run node scripts/reference.mjs`)
  else {
    writeFileSync(path, text)
    console.error(`Wrote docs/reference/${name}`)
  }
}
process.exit(checking && stale > 0 ? 1 : 0)
