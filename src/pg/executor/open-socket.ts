// Opens the byte stream to Postgres: TCP or Unix socket, TLS as sslmode says. The startup message is the caller's.
import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import { serialize } from 'pg-protocol'
import type { ConnectionOptions } from '../connection-options.ts'
import { ConnectError } from './errors.ts'

/** What arrives, in a buffer that is overwritten by what arrives next. */
export type OnBytes = (bytes: Buffer) => void

const READ_BYTES = 65_536

/**
 * Rejects with ConnectError; the deadline covers connecting and the TLS handshake. `onBytes` gets what the server sends once the promise
 * is resolved.
 */
export async function openSocket(
  options: ConnectionOptions,
  target: { host: string; port: number },
  useTls: boolean,
  onBytes: OnBytes,
): Promise<Socket> {
  const { host, port } = target
  const local = host.startsWith('/')
  const where = local ? `socket "${host}/.s.PGSQL.${port}"` : `server at "${host}", port ${port}`
  const address = local ? { path: `${host}/.s.PGSQL.${port}` } : { host, port, noDelay: true, keepAlive: true }
  const encrypted = useTls && !local
  // One buffer for everything that is read: no allocation and no stream machinery for each answer.
  const onread = {
    buffer: Buffer.allocUnsafe(encrypted ? 0 : READ_BYTES),
    callback: (size: number, buffer: Uint8Array) => {
      onBytes((buffer as Buffer).subarray(0, size))
      return true
    },
  }
  const socket = connect(encrypted ? address : { ...address, onread })
  const deadline = setTimeout(() => socket.destroy(new Error('timeout expired')), options.connectTimeoutMs)
  try {
    await once(socket, 'connect')
    if (!encrypted) return socket
    socket.write(serialize.requestSsl())
    const answer = await new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('server closed the connection unexpectedly')))
    })
    socket.removeAllListeners()
    // More than the one byte would be data injected before the encryption (CVE-2021-23222).
    if (answer.length !== 1) throw new Error('received unencrypted data after SSL response')
    if (answer[0] === 0x53) {
      const secured = await encrypt(socket, options, host)
      secured.on('data', onBytes)
      return secured
    }
    if (options.sslmode === 'prefer' || options.sslmode === 'allow') {
      socket.destroy()
      return await openSocket(options, target, false, onBytes)
    }
    throw new Error('server does not support SSL, but SSL was required')
  } catch (error) {
    socket.destroy()
    if (error instanceof ConnectError) throw error
    throw new ConnectError(`connection to ${where} failed: ${reasonOf(error)}`, { cause: error })
  } finally {
    clearTimeout(deadline)
  }
}

async function encrypt(socket: Socket, options: ConnectionOptions, host: string): Promise<Socket> {
  const verify = options.sslmode === 'verify-ca' || options.sslmode === 'verify-full'
  // `host` is what the certificate must speak of: without it Node would take `localhost` where the host is an address.
  const settings: TlsOptions = { socket, host, rejectUnauthorized: verify || options.sslrootcert !== undefined }
  if (isIP(host) === 0) settings.servername = host
  if (options.sslrootcert && options.sslrootcert !== 'system') settings.ca = readFileSync(options.sslrootcert)
  if (options.sslcert) settings.cert = readFileSync(options.sslcert)
  if (options.sslkey) settings.key = readFileSync(options.sslkey)
  if (options.sslmode !== 'verify-full') settings.checkServerIdentity = () => undefined
  const secured = connectTls(settings)
  await once(secured, 'secureConnect')
  return secured
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(error)
    const closed = () => reject(new Error('server closed the connection unexpectedly'))
    socket.once('error', failed)
    socket.once('close', closed)
    socket.once(event, () => {
      socket.off('error', failed)
      socket.off('close', closed)
      resolve()
    })
  })
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'Connection refused'
  if (code === 'ENOENT') return 'No such file or directory'
  return message
}
