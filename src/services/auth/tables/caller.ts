// Whom a token speaks of: a user and a session of hers in one round trip, where there are pipelined connections.
import { NIL_UUID } from '../request/addresses.ts'
import type { Database } from './database.ts'
import { findSession, SESSION_COLUMNS, SESSION_SHAPE, type Session } from './sessions.ts'
import { readColumns } from './text-row.ts'
import { findUserById, USER_SHAPE, type User, WHOLE_USER } from './users.ts'

export interface Caller {
  readonly user: User | undefined
  /** Whoever's it is. */
  readonly session: Session | undefined
}

const BOTH = `select ${WHOLE_USER}, ${SESSION_COLUMNS} from auth.users u left join auth.sessions s on s.id = $2::uuid
  where u.instance_id = '${NIL_UUID}' and u.id = $1::uuid`

/** Both ids are UUIDs. */
export async function findCaller(database: Database, userId: string, sessionId: string | undefined): Promise<Caller> {
  const rows = await database.pipelined(BOTH, [userId, sessionId ?? null])
  if (rows === undefined) {
    const [user, session] = await Promise.all([findUserById(database, userId), sessionId ? findSession(database, sessionId) : undefined])
    return { user, session }
  }
  const row = rows[0]
  if (row === undefined) return { user: undefined, session: undefined }
  const user = readColumns(USER_SHAPE, row, 0) as unknown as User
  const session = readColumns(SESSION_SHAPE, row, USER_SHAPE.length) as unknown as Session
  return { user, session: session.id === null ? undefined : session }
}
