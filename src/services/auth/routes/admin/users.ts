import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { softDelete } from '../../accounts/change.ts'
import { showUser } from '../../accounts/user-json.ts'
import { errors } from '../../errors.ts'
import { isUuid } from '../../request/addresses.ts'
import { audienceOf } from '../../request/bearer.ts'
import { boolean, readBody } from '../../request/body.ts'
import { type AdminCall, type Answer, ok } from '../../request/call.ts'
import { pageHeaders, readPage, readSort } from '../../request/pagination.ts'
import { adminRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { transaction } from '../../tables/database.ts'
import { deleteUser, findUserById, listUsers, listUsersAfter, type User } from '../../tables/users.ts'

/** The user of the path. */
export async function userOfPath(state: AuthState, call: AdminCall): Promise<User> {
  const id = call.params['user_id'] ?? ''
  if (!isUuid(id)) throw errors.validation404('user_id must be an UUID')
  const user = await findUserById(state.pool, id)
  if (!user) throw errors.userNotFound()
  return user
}

/** What the audit log keeps of a user that an administrator changed. */
export const userTraits = (user: User) => ({ user_id: user.id, user_email: user.email, user_phone: user.phone })

export const adminListUsers = adminRoute({
  method: 'GET',
  path: '/admin/users',
  async handle(call, state) {
    const aud = audienceOf(state, call)
    const byPage = call.query.has('page') || call.query.has('per_page')
    if (state.env.GOTRUE_EXPERIMENTAL_CURSOR_PAGINATION_ENABLED && !byPage) return listByCursor(state, call, aud)
    const page = readPage(call.query)
    const direction = readSort(call.query)
    const filter = call.query.get('filter') ?? ''
    const { users, total } = await listUsers(state.pool, aud, filter, direction, (page.page - 1) * page.perPage, page.perPage)
    return ok({ users: users.map((user) => showUser(user, { identities: null })), aud }, pageHeaders(call, page, total))
  },
})

const MAX_LIMIT = 1_000

async function listByCursor(state: AuthState, call: AdminCall, aud: string): Promise<Answer> {
  const limitText = call.query.get('limit') ?? '50'
  if (!/^\d{1,9}$/.test(limitText)) throw errors.validation(`Bad Pagination Parameters: limit must be a number`)
  if (Number(limitText) === 0) throw errors.validation('Bad Pagination Parameters: limit must be greater than 0')
  const limit = Math.min(Number(limitText), MAX_LIMIT)
  const direction = readSort(call.query)
  const found = await listUsersAfter(state.pool, aud, call.query.get('filter') ?? '', direction, readCursor(call), limit + 1)
  const users = found.slice(0, limit)
  const last = users.at(-1)
  const more = found.length > limit && last !== undefined
  const next = more ? Buffer.from(JSON.stringify([last.position, last.id])).toString('base64url') : undefined
  const query = new URLSearchParams(call.query)
  if (next) query.set('cursor', next)
  return ok(
    {
      users: users.map((user) => showUser(user, { identities: null })),
      aud,
      pagination: { ...(next ? { next_cursor: next } : {}), has_more: more },
    },
    next ? { link: `<${call.path}?${query}>; rel="next"` } : {},
  )
}

const position = z.tuple([z.string().regex(/^-?\d{1,18}$/), z.uuid()])

function readCursor(call: AdminCall): { at: string; id: string } | undefined {
  const text = call.query.get('cursor') ?? ''
  if (text === '') return undefined
  try {
    const [at, id] = position.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
    return { at, id }
  } catch {
    throw errors.validation('Bad Pagination Parameters: invalid cursor')
  }
}

export const adminGetUser = adminRoute({
  method: 'GET',
  path: '/admin/users/:user_id',
  handle: async (call, state) => ok(showUser(await userOfPath(state, call))),
})

const deletion = z.object({ should_soft_delete: boolean(false) })

export const adminDeleteUser = adminRoute({
  method: 'DELETE',
  path: '/admin/users/:user_id',
  async handle(call, state) {
    const user = await userOfPath(state, call)
    const soft = call.body !== '' && readBody(call, deletion).should_soft_delete
    await transaction(state.pool, async (tx) => {
      await audit(state, tx, call, call.actor, 'user_deleted', userTraits(user))
      try {
        if (!soft) await deleteUser(tx, user.id)
        else if (user.deleted_at === null) await softDelete(tx, user)
      } catch (error) {
        throw errors.failure(soft ? 'Error soft deleting user' : 'Database error deleting user', error)
      }
    })
    return ok({})
  },
})
