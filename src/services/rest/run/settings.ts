// What the transaction is told about the request: search path, role, claims, headers, and settings of role and function.
import type { IncomingMessage } from 'node:http'
import { ident } from '../../../pg/quote.ts'
import type { Session } from '../auth.ts'
import type { RestConfig } from '../config.ts'
import { headerText } from '../parse/request.ts'
import type { Plan } from '../plan/request.ts'
import type { RoleSettings } from '../schema-cache/types.ts'
import type { Setting } from '../sql/settings.ts'

export interface SettingsContext {
  readonly config: RestConfig
  readonly roles: ReadonlyMap<string, RoleSettings>
}

export interface RequestSettings {
  readonly settings: readonly Setting[]
  readonly isolation: string | undefined
}

/** In upstream's order: a later setting may rest on an earlier one. */
export function requestSettings(req: IncomingMessage, plan: Plan, session: Session, context: SettingsContext): RequestSettings {
  const { schema, path, preferences } = plan.request
  return settingsFor(req, session, context, {
    schema,
    path,
    timezone: preferences.timezone,
    own: plan.kind === 'call' ? plan.routine.settings : NONE,
    isolation: plan.kind === 'call' ? plan.routine.isolation : undefined,
  })
}

const NONE: readonly Setting[] = []

interface Particulars {
  readonly schema: string
  readonly path: string
  readonly timezone: string | undefined
  readonly own: readonly Setting[]
  readonly isolation: string | undefined
}

export function settingsFor(
  req: IncomingMessage,
  session: Session,
  { config, roles }: SettingsContext,
  { schema, path, timezone, own, isolation }: Particulars,
): RequestSettings {
  const role = roles.get(session.role)
  const settings: Setting[] = [['search_path', searchPath(schema, config)]]
  if (role !== undefined) settings.push(...role.settings)
  settings.push(
    ['role', session.role],
    ['request.jwt.claims', session.claims],
    ['request.method', req.method ?? 'GET'],
    ['request.path', path],
  )
  headerSettings(req, settings)
  if (timezone !== undefined) settings.push(['timezone', timezone])
  for (const setting of own) if (setting[0] !== 'default_transaction_isolation') settings.push(setting)
  if (config.appSettings.length > 0) settings.push(...config.appSettings)
  return { settings, isolation: isolation ?? role?.isolation }
}

const searchPath = (schema: string, { extraSearchPath }: RestConfig): string =>
  extraSearchPath.length === 0 ? ident(schema) : [schema, ...extraSearchPath].map((name) => ident(name)).join(', ')

/** `request.headers` and `request.cookies` as JSON: lower-case names, the last of one name wins, cookies apart. */
function headerSettings({ rawHeaders }: IncomingMessage, settings: Setting[]): void {
  const names: string[] = []
  const members: string[] = []
  let cookies = '{}'
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    const value = headerText(rawHeaders[index + 1])!
    if (name === 'cookie') {
      cookies = cookiesText(rawHeaders)
      continue
    }
    const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`
    const at = names.indexOf(name)
    if (at < 0) {
      names.push(name)
      members.push(member)
    } else members[at] = member
  }
  settings.push(['request.headers', `{${members.join(',')}}`], ['request.cookies', cookies])
}

function cookiesText(rawHeaders: readonly string[]): string {
  const cookies = new Map<string, string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]!.toLowerCase() !== 'cookie') continue
    for (const pair of headerText(rawHeaders[index + 1])!.split(';')) {
      const at = pair.indexOf('=')
      if (at >= 0) cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim())
    }
  }
  return JSON.stringify(Object.fromEntries(cookies))
}
