// The limit of auth's reads and refreshes: a bare Node handler with the same statements on the same driver, and nothing else: no
// router, no token that is checked or signed, no log.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { silentLog } from '../../src/log/log.ts'
import { Executor } from '../../src/pg/executor.ts'
import { openPool } from '../../src/pg/pool.ts'
import { pipelinedConnection } from '../../src/pg/pool-connection.ts'
import { showUser } from '../../src/services/auth/accounts/user-json.ts'
import { actorOf, auditPayload, insertAudit } from '../../src/services/auth/tables/audit-log.ts'
import { findCaller } from '../../src/services/auth/tables/caller.ts'
import { Database, transaction } from '../../src/services/auth/tables/database.ts'
import { findRefreshToken, insertRefreshToken, lockRefreshToken, revokeToken } from '../../src/services/auth/tables/refresh-tokens.ts'
import { lockSession, noteRefresh } from '../../src/services/auth/tables/sessions.ts'
import { findUserById } from '../../src/services/auth/tables/users.ts'

export async function serveBare(databaseUrl: string, poolSize: number): Promise<number> {
  const pipeline = new Executor({ connection: pipelinedConnection(databaseUrl, 'bare')!, max: Math.floor(poolSize / 4) })
  const pool = openPool({
    connectionString: databaseUrl,
    max: poolSize - Math.floor(poolSize / 4),
    applicationName: 'bare',
    log: silentLog,
  })
  const database = new Database(pool, 'auth', silentLog, pipeline)
  const server = createServer((req, res) => {
    const parts: Buffer[] = []
    req.on('data', (part: Buffer) => parts.push(part))
    req.on('end', () => {
      const work =
        req.method === 'GET' ? read(database, req.headers.authorization ?? '') : refresh(database, Buffer.concat(parts).toString())
      work.then(
        (json) => {
          const text = JSON.stringify(json)
          res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
          res.end(text)
        },
        (error: unknown) => res.writeHead(500, { 'content-length': 0 }).end(console.error(error)),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function read(database: Database, authorization: string): Promise<unknown> {
  const claims = JSON.parse(Buffer.from(authorization.split('.')[1]!, 'base64url').toString()) as { sub: string; session_id: string }
  const { user, session } = await findCaller(database, claims.sub, claims.session_id)
  return session && user && showUser(user)
}

async function refresh(database: Database, body: string): Promise<unknown> {
  const { refresh_token: text } = JSON.parse(body) as { refresh_token: string }
  const known = (await findRefreshToken(database, text))!
  await findCaller(database, known.user_id, known.session_id!)
  return transaction(database, async (tx) => {
    const token = (await lockRefreshToken(tx, text))!
    const session = (await lockSession(tx, token.session_id!))!
    const user = (await findUserById(tx, session.user_id))!
    await insertAudit(tx, auditPayload(actorOf(user), 'token_refreshed'), '')
    await insertAudit(tx, auditPayload(actorOf(user), 'token_revoked'), '')
    await revokeToken(tx, token.id)
    const next = await insertRefreshToken(tx, user.id, session.id, token.token)
    await noteRefresh(tx, session.id, 'bench', '127.0.0.1')
    return { refresh_token: next, user: showUser(user) }
  })
}
