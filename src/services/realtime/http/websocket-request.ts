// What asks for the WebSocket without an upgrade: told the same as one that does, as far as it gets.
import { setTimeout as sleep } from 'node:timers/promises'
import { admit, HandshakeRefused, versionOf } from '../socket/handshake.ts'
import type { RealtimeState } from '../state.ts'
import { answerEmpty, answerJson, answerText } from './answer.ts'
import type { Exchange } from './app.ts'

export async function plainWebSocketRequest({ req, res, query }: Exchange, state: RealtimeState): Promise<void> {
  req.resume()
  if (req.method !== 'GET') return answerEmpty(res, 400)
  if (versionOf(query) === undefined) return answerEmpty(res, 403)
  try {
    await admit(req, query, state)
  } catch (error) {
    return refuseHandshake(error, { res }, state)
  }
  answerText(res, 400, "'upgrade' header must contain 'websocket'")
}

/** After upstream's pause. */
export async function refuseHandshake(error: unknown, { res }: Pick<Exchange, 'res'>, { env, log }: RealtimeState): Promise<void> {
  const known = error instanceof HandshakeRefused
  if (known) log.warn({ code: 'ErrorConnectingToWebsocket', tenant: error.tenant?.id }, error.message)
  else log.error({ err: error, code: 'ErrorConnectingToWebsocket' }, 'a handshake failed')
  await sleep(env.CONNECT_ERROR_BACKOFF_MS, undefined, { ref: false })
  if (!res.destroyed) answerJson(res, known ? error.status : 500, { error: known ? error.message : 'Error connecting to Realtime' })
}
