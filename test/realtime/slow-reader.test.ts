// A client that does not read: what waits for it is bounded, it is cut off, and nobody else notices.
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { startPostgres } from '../support/postgres.ts'
import { prepareRealtimeDatabase, serviceRole, startRealtime, token } from '../support/realtime-service.ts'

const LIMIT = 2_000_000
const MESSAGE = 100_000
const MOST = 60_000_000

test('a slow reader is disconnected before it fills the memory', async () => {
  await using server = await startPostgres()
  await prepareRealtimeDatabase(server)
  await using realtime = await startRealtime(server, { WEBSOCKET_MAX_HEAP_SIZE: String(LIMIT) })
  const slow = connect(realtime.port, '127.0.0.1')
  const ended = new Promise((resolve) => slow.on('close', resolve))
  slow.on('error', () => undefined)
  const joined = new Promise<void>((resolve) => slow.on('data', (data) => data.includes('phx_reply') && resolve()))
  slow.write(
    `GET /socket/websocket?apikey=${token()}&vsn=2.0.0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  )
  await new Promise((resolve) => slow.once('data', resolve))
  slow.write(unmasked('["1","1","realtime:flood","phx_join",{"config":{}}]'))
  await joined
  slow.pause()
  const [sender, reader] = [await realtime.open(), await realtime.open()]
  await sender.join('flood', { broadcast: { ack: true } })
  await reader.join('flood')
  const users = async () =>
    (await realtime.call('GET', '/api/tenants/realtime-dev/health', { token: serviceRole() })).json.data.connected_cluster
  expect(await users()).toBe(3)
  let sent = 0
  while ((await users()) === 3 && sent < MOST) {
    const ack = await sender.ask('realtime:flood', 'broadcast', { type: 'broadcast', event: 'f', payload: 'x'.repeat(MESSAGE) })
    expect(ack.status).toBe('ok')
    sent += MESSAGE
  }
  // What the kernel takes for the socket is not ours to bound: some megabytes.
  expect(sent).toBeLessThan(MOST)
  expect(await users()).toBe(2)
  reader.frames.length = 0
  sender.send('flood', 'after', {})
  await reader.got('flood', 'after')
  const { text } = await realtime.call('GET', '/metrics', { token: token() })
  expect(text).toContain('realtime_channel_error{tenant="realtime-dev",code="SlowConsumer"} 1')
  slow.resume()
  await ended
}, 60_000)

/** A frame with a mask of zeros. */
function unmasked(text: string): Buffer {
  const payload = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}
