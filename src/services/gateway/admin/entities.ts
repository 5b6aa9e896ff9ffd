// Entities by their paths in the admin API: collections in pages, single ones by id or name, and those that belong to another.
import { type Entity, type KindName, kinds } from '../config/entities.ts'
import { type AdminSource, NOT_FOUND, type Reply } from './source.ts'

const PAGE = { default: 100, max: 1000 } as const

/** Collections by their names in paths. */
export const collections: ReadonlyMap<string, KindName> = new Map<string, KindName>([
  ...(
    ['services', 'routes', 'consumers', 'plugins', 'upstreams', 'targets', 'certificates', 'snis', 'ca_certificates', 'acls'] as const
  ).map((kind) => [kind, kind] as const),
  ['key-auths', 'keyauth_credentials'],
  ['key-auth', 'keyauth_credentials'],
  ['basic-auths', 'basicauth_credentials'],
  ['basic-auth', 'basicauth_credentials'],
  ['jwts', 'jwt_secrets'],
  ['jwt', 'jwt_secrets'],
  ['hmac-auths', 'hmacauth_credentials'],
  ['hmac-auth', 'hmacauth_credentials'],
])
/** Which field of what stands within a collection leads to it. */
const PARENTS: ReadonlyMap<KindName, string> = new Map<KindName, string>([
  ['services', 'service'],
  ['routes', 'route'],
  ['consumers', 'consumer'],
  ['upstreams', 'upstream'],
  ['certificates', 'certificate'],
])

export function showEntities(segments: readonly string[], url: URL, source: AdminSource): Reply {
  const plan = source.plan()
  const [first = '', name, inner, innerName, ...rest] = segments
  const kind = collections.get(first)
  if (!kind || rest.length > 0) return NOT_FOUND
  const all: readonly Entity<object>[] = plan.entities[kind]
  if (name === undefined) return page(all, kind, url, source)
  const found = entityNamed(all, kind, name)
  if (!found) return NOT_FOUND
  if (inner === undefined) return { status: 200, body: plan.represent(kind, found) }
  // Up, from a route to its service; or down, to what belongs to it.
  const up = Object.hasOwn(kinds[kind].references, inner) ? kinds[kind].references[inner] : undefined
  if (up !== undefined && innerName === undefined) {
    const id = found.links[inner]
    const parent = (plan.entities[up] as readonly Entity<object>[]).find((entity) => entity.id === id)
    return parent ? { status: 200, body: plan.represent(up, parent) } : NOT_FOUND
  }
  const innerKind = collections.get(inner)
  const field = PARENTS.get(kind)
  if (!innerKind || field === undefined || !Object.hasOwn(kinds[innerKind].references, field)) return NOT_FOUND
  const own = (plan.entities[innerKind] as readonly Entity<object>[]).filter(({ links }) => links[field] === found.id)
  if (innerName === undefined || (innerKind === 'targets' && innerName === 'all')) return page(own, innerKind, url, source)
  const one = entityNamed(own, innerKind, innerName)
  return one ? { status: 200, body: plan.represent(innerKind, one) } : NOT_FOUND
}

function entityNamed(entities: readonly Entity<object>[], kind: KindName, name: string): Entity<object> | undefined {
  const { key } = kinds[kind]
  // Plugins are known by their ids alone: many have one name.
  return entities.find(({ id, fields }) => id === name || (kind !== 'plugins' && new Map(Object.entries(fields)).get(key) === name))
}

/** `?size=&offset=&tags=`: tags with commas all have to be there, with slashes one of them. */
function page(entities: readonly Entity<object>[], kind: KindName, url: URL, source: AdminSource): Reply {
  const size = Number(url.searchParams.get('size') ?? PAGE.default)
  if (!Number.isInteger(size) || size < 1 || size > PAGE.max)
    return { status: 400, body: { code: 11, name: 'invalid size', message: `size must be an integer between 1 and ${PAGE.max}` } }
  const from = startOf(url.searchParams.get('offset'))
  if (from === undefined) return { status: 400, body: { code: 7, name: 'invalid offset', message: 'bad offset' } }
  const tags = url.searchParams.get('tags')
  const chosen = tags === null ? entities : entities.filter(({ fields }) => hasTags(fields, tags))
  const data = chosen.slice(from, from + size).map((entity) => source.plan().represent(kind, entity))
  if (from + size >= chosen.length) return { status: 200, body: { data, next: null } }
  const offset = Buffer.from(String(from + size)).toString('base64url')
  const query = new URLSearchParams([...url.searchParams].filter(([name]) => name !== 'offset'))
  query.set('offset', offset)
  return { status: 200, body: { data, offset, next: `${url.pathname}?${query}` } }
}

function startOf(offset: string | null): number | undefined {
  if (offset === null) return 0
  const start = Number(Buffer.from(offset, 'base64url').toString() || Number.NaN)
  return Number.isInteger(start) && start >= 0 ? start : undefined
}

function hasTags(fields: object, wanted: string): boolean {
  const tags: readonly unknown[] = 'tags' in fields && Array.isArray(fields.tags) ? fields.tags : []
  return wanted.includes('/') ? wanted.split('/').some((tag) => tags.includes(tag)) : wanted.split(',').every((tag) => tags.includes(tag))
}
