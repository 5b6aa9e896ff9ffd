// What the transaction is told about the request: search path, role, claims, headers, and settings of role and function.
import type { IncomingMessage } from 'node:http'
import type { Session } from '../auth.ts'
import type { RestConfig } from '../config.ts'
import { headerText } from '../parse/request.ts'
import type { Plan } from '../plan/request.ts'
import type { RoleSettings } from '../schema-cache/types.ts'
import type { Setting } from '../sql/settings.ts'

export interface SettingsContext {
  readonly config: RestConfig
  readonly roles: ReadonlyMap<string, RoleSettings>
  readonly headerNames: HeaderNames
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
  { config, roles, headerNames }: SettingsContext,
  { schema, path, timezone, own, isolation }: Particulars,
): RequestSettings {
  const role = roles.get(session.role)
  const settings: Setting[] = [['search_path', config.searchPaths.get(schema)!]]
  if (role !== undefined) settings.push(...role.settings)
  settings.push(
    ['role', session.role],
    ['request.jwt.claims', session.claims],
    ['request.method', req.method ?? 'GET'],
    ['request.path', path],
  )
  headerSettings(req, headerNames, settings)
  if (timezone !== undefined) settings.push(['timezone', timezone])
  for (const setting of own) if (setting[0] !== 'default_transaction_isolation') settings.push(setting)
  if (config.appSettings.length > 0) settings.push(...config.appSettings)
  return { settings, isolation: isolation ?? role?.isolation }
}

/** Header names as JSON member names. Few are in use anywhere, and each is written a thousand times a second. */
export class HeaderNames {
  static readonly SIZE = 1_000
  readonly #known = new Map<string, HeaderName>()

  of(written: string): HeaderName {
    let found = this.#known.get(written)
    if (found === undefined) {
      const name = written.toLowerCase()
      found = { name, member: `${JSON.stringify(name)}:` }
      if (this.#known.size < HeaderNames.SIZE) this.#known.set(written, found)
    }
    return found
  }
}

interface HeaderName {
  readonly name: string
  readonly member: string
}

/** `request.headers` and `request.cookies` as JSON: lower-case names, the last of one name wins, cookies apart. */
function headerSettings({ rawHeaders }: IncomingMessage, known: HeaderNames, settings: Setting[]): void {
  const names: string[] = []
  const members: string[] = []
  let cookies = '{}'
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const { name, member } = known.of(rawHeaders[index]!)
    if (name === 'cookie') {
      cookies = cookiesText(rawHeaders)
      continue
    }
    const text = member + jsonText(rawHeaders[index + 1]!)
    const at = names.indexOf(name)
    if (at < 0) {
      names.push(name)
      members.push(text)
    } else members[at] = text
  }
  settings.push(['request.headers', `{${members.join(',')}}`], ['request.cookies', cookies])
}

const jsonText = (value: string): string => (/^[ !#-[\]-~]*$/.test(value) ? `"${value}"` : JSON.stringify(headerText(value)))

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
