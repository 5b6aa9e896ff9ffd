// SMTP in: accepts whatever is sent to it, from anybody it can hear, within bounds of size, recipients and connections.
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import type { Logger } from '../../log/log.ts'
import type { CheckLogin } from './credentials.ts'
import type { BindAddress } from './env.ts'
import type { Receiver } from './receive.ts'

export interface SmtpOptions {
  readonly bind: BindAddress
  readonly maxBytes: number
  readonly maxRecipients: number
  readonly allowedRecipients: RegExp | undefined
  readonly checkLogin: CheckLogin | undefined
  readonly tls: { readonly cert: string; readonly key: string; readonly required: boolean } | undefined
  readonly receiver: Receiver
  readonly log: Logger
}

export interface RunningSmtp {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

const MAX_CLIENTS = 100
// Bodies that are being received, over all connections: beyond it a sender is told to come back.
const MAX_IN_FLIGHT_BYTES = 256 * 1024 * 1024
const IDLE_MS = 60_000
const CLOSE_MS = 500

/** An error with the code of the SMTP reply. */
function reply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}

export async function startSmtp(options: SmtpOptions): Promise<RunningSmtp> {
  const { bind, log, receiver } = options
  let inFlight = 0

  async function take(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
    const chunks: Buffer[] = []
    let kept = 0
    let refused: Error | undefined
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        if (refused) continue
        if (kept + chunk.length > options.maxBytes)
          refused = reply(552, `Message exceeds fixed maximum message size (${options.maxBytes} bytes)`)
        else if (inFlight + chunk.length > MAX_IN_FLIGHT_BYTES) refused = reply(452, 'Too much is being received, try again later')
        if (refused) {
          chunks.length = 0
          continue
        }
        kept += chunk.length
        inFlight += chunk.length
        chunks.push(chunk)
      }
      if (refused) {
        receiver.counters.rejected++
        throw refused
      }
      const { mailFrom, rcptTo } = session.envelope
      const id = await receiver.receive(Buffer.concat(chunks), {
        from: mailFrom ? mailFrom.address : '',
        to: rcptTo.map(({ address }) => address),
        username: typeof session.user === 'string' ? session.user : '',
        received: `from ${safe(session.hostNameAppearsAs || session.clientHostname)} ([${safe(session.remoteAddress)}]) by localhost with ${safe(session.transmissionType)}; ${new Date().toUTCString()}`,
      })
      log.debug({ id, bytes: kept, recipients: rcptTo.length }, 'mail received')
      return id
    } finally {
      inFlight -= kept
    }
  }

  const server = new SMTPServer({
    name: 'localhost',
    banner: 'mail catcher',
    size: options.maxBytes,
    authOptional: options.checkLogin === undefined,
    allowInsecureAuth: true,
    authMethods: ['PLAIN', 'LOGIN'],
    disabledCommands: options.tls ? [] : ['STARTTLS'],
    disableReverseLookup: true,
    needsUpgrade: false,
    maxClients: MAX_CLIENTS,
    socketTimeout: IDLE_MS,
    closeTimeout: CLOSE_MS,
    logger: false,
    ...(options.tls ? { cert: options.tls.cert, key: options.tls.key } : {}),
    onAuth(auth, _session, callback) {
      const user = auth.username ?? ''
      if (!options.checkLogin) return callback(null, { user })
      options.checkLogin(user, auth.password ?? '').then(
        (fits) => (fits ? callback(null, { user }) : callback(reply(535, 'Authentication failed'))),
        () => callback(reply(454, 'Authentication failed for now')),
      )
    },
    onMailFrom(_address, session, callback) {
      if (options.tls?.required && !session.secure) callback(reply(530, 'Must issue a STARTTLS command first'))
      else callback()
    },
    onRcptTo({ address }, session, callback) {
      if (options.maxRecipients > 0 && session.envelope.rcptTo.length >= options.maxRecipients) callback(reply(452, 'Too many recipients'))
      else if (options.allowedRecipients && !options.allowedRecipients.test(address)) {
        receiver.counters.rejected++
        callback(reply(550, 'Recipient not allowed'))
      } else callback()
    },
    onData(stream, session, callback) {
      take(stream, session).then(
        (id) => callback(null, id === '' ? 'Ok: ignored, known message ID' : `Ok: queued as ${id}`),
        (error: unknown) => {
          if (error instanceof Error && 'responseCode' in error) callback(error)
          else {
            log.error({ err: error }, 'a mail could not be stored')
            callback(reply(451, 'The message could not be stored'))
          }
        },
      )
    },
  })

  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => reject(startError(error, bind))
    server.once('error', failed)
    server.listen(bind.port, bind.host, () => {
      server.off('error', failed)
      resolve()
    })
  })
  // A client that resets its connection in the middle is its own affair.
  server.on('error', (error: Error) => log.debug({ err: error }, 'SMTP connection ended'))
  const { port } = server.server.address() as AddressInfo
  return {
    host: bind.host,
    port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function startError(error: NodeJS.ErrnoException, { host, port }: BindAddress): Error {
  const where = `${host}:${port}`
  if (error.code === 'EADDRINUSE')
    return new Error(`SMTP port ${where} is taken by another process. Stop it, or set MP_SMTP_BIND_ADDR.`, { cause: error })
  return new Error(`SMTP cannot listen on ${where} (${error.code ?? error.message}). Set MP_SMTP_BIND_ADDR.`, { cause: error })
}

/** Names given by a client go into a header line: nothing in them may end it. */
function safe(value: string | undefined): string {
  return (value ?? '').replace(/[^\x21-\x7e]/g, '').slice(0, 200)
}
