import { errors } from '../../errors.ts'
import { ok } from '../../request/call.ts'
import { pageHeaders, readPage } from '../../request/pagination.ts'
import { adminRoute } from '../../route.ts'
import { listAudit } from '../../tables/audit-log.ts'

const SCOPES: Readonly<Record<string, readonly string[]>> = {
  author: ['actor_username', 'actor_name'],
  action: ['action'],
  type: ['log_type'],
}

/** `query=author:ann`: entries whose author, action or type holds the text. */
export const adminAudit = adminRoute({
  method: 'GET',
  path: '/admin/audit',
  async handle(call, state) {
    const page = readPage(call.query)
    const query = call.query.get('query') ?? ''
    const at = query.indexOf(':')
    const scope = at < 0 ? query : query.slice(0, at)
    if (query !== '' && !Object.hasOwn(SCOPES, scope)) throw errors.validation(`Invalid query scope: ${query}`)
    const value = at < 0 ? '' : query.slice(at + 1)
    const columns = query === '' ? [] : SCOPES[scope]!
    const { entries, total } = await listAudit(state.pool, columns, value, (page.page - 1) * page.perPage, page.perPage)
    return ok(entries, pageHeaders(call, page, total))
  },
})
