// One replication connection: simple queries while it is idle, then a stream of the log with feedback. What the messages mean is not its business.
import type { Socket } from 'node:net'
import { type DatabaseError, serialize } from 'pg-protocol'
import type { BackendMessage } from 'pg-protocol/dist/messages.js'
import { Parser } from 'pg-protocol/dist/parser.js'
import type { ConnectionOptions } from '../../../pg/connection-options.ts'
import { authenticate } from '../../../pg/executor/authenticate.ts'
import { columnsOf, FrameReader } from '../../../pg/executor/frames.ts'
import { openSocket } from '../../../pg/executor/open-socket.ts'

export interface StreamEvents {
  /** A message of the output plugin. The bytes are overwritten by the next ones unless they are copied. */
  message(body: Buffer): void
  /** Everything up to here has been sent. */
  sentUpTo(lsn: bigint): void
  /** All that one read of the socket brought has been handed over. */
  rest(): void
}

/** A refusal by the server, with its SQLSTATE. */
export class ReplicationError extends Error {
  readonly code: string | undefined

  constructor(message: string, code?: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ReplicationError'
    this.code = code
  }
}

/** Feedback comes at least this often, and at once when the server asks for it. */
const FEEDBACK_MS = 1_000
/** The texts of values depend on these; they are those of a database that nobody has configured, whatever a role is set to. */
export const TEXT_SETTINGS: Readonly<Record<string, string>> = {
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmloption: 'content',
}
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000n

type Waiter = { readonly resolve: (rows: (string | null)[][]) => void; readonly reject: (error: Error) => void }

export class ReplicationConnection {
  processId = 0
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<Error>
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #rare = new Parser()
  #end: (error: Error) => void = () => undefined
  #startup: ((message: BackendMessage) => void) | undefined
  #waiter: Waiter | undefined
  #rows: (string | null)[][] = []
  #error: ReplicationError | undefined
  #events: StreamEvents | undefined
  #received = 0n
  #confirmed = 0n
  #feedback: NodeJS.Timeout | undefined
  #closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    socket.on('error', (error) => this.#lost(error))
    socket.on('close', () => this.#lost(undefined))
  }

  /** Rejects with ConnectError or ReplicationError. */
  static async open(options: ConnectionOptions, parameters: Readonly<Record<string, string>> = {}): Promise<ReplicationConnection> {
    let failure: unknown
    for (const target of options.hosts) {
      const attempts = options.sslmode === 'disable' ? [false] : options.sslmode === 'allow' ? [false, true] : [true]
      if (options.sslmode === 'prefer') attempts.push(false)
      for (const tls of attempts) {
        try {
          return await ReplicationConnection.#openOne(options, target, tls, parameters)
        } catch (error) {
          failure = error
          if ((error as { code?: string }).code !== '28000') break
        }
      }
    }
    throw failure
  }

  static async #openOne(
    options: ConnectionOptions,
    target: { host: string; port: number },
    tls: boolean,
    parameters: Readonly<Record<string, string>>,
  ): Promise<ReplicationConnection> {
    const reading: { connection?: ReplicationConnection } = {}
    const socket = await openSocket(options, target, tls, (bytes) => {
      if (reading.connection !== undefined) reading.connection.#receive(bytes)
    })
    const connection = new ReplicationConnection(socket)
    reading.connection = connection
    const deadline = setTimeout(() => socket.destroy(new Error('timeout expired')), options.connectTimeoutMs)
    try {
      await connection.#start(options, parameters)
      return connection
    } catch (error) {
      connection.destroy(error as Error)
      throw error
    } finally {
      clearTimeout(deadline)
    }
  }

  /** One statement by the simple protocol, also of the replication grammar. Not while the stream runs. */
  query(text: string): Promise<(string | null)[][]> {
    if (this.#closed || this.#waiter !== undefined || this.#events !== undefined)
      return Promise.reject(new ReplicationError('the replication connection is not idle'))
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.#rows = []
      this.#socket.write(serialize.query(text))
    })
  }

  /** Resolves when the stream has begun. */
  async stream(statement: string, events: StreamEvents): Promise<void> {
    if (this.#closed || this.#waiter !== undefined) throw new ReplicationError('the replication connection is not idle')
    await new Promise<void>((resolve, reject) => {
      this.#waiter = { resolve: () => resolve(), reject }
      this.#events = events
      this.#socket.write(serialize.query(statement))
    })
    this.#feedback = setInterval(() => this.#tell(false), FEEDBACK_MS)
  }

  /** Ends the stream in good order; afterwards the connection takes queries again. */
  async endStream(): Promise<void> {
    clearInterval(this.#feedback)
    if (this.#events === undefined || this.#closed) return
    await new Promise<void>((resolve, reject) => {
      this.#waiter = { resolve: () => resolve(), reject }
      this.#events = undefined
      this.#socket.resume()
      this.#socket.write(serialize.copyDone())
    })
  }

  /** The server need not keep the log up to here. */
  confirm(lsn: bigint): void {
    if (lsn > this.#confirmed) this.#confirmed = lsn
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    if (this.#closed) return
    this.#tell(false)
    clearInterval(this.#feedback)
    this.#socket.resume()
    this.#socket.end(serialize.end())
    const deadline = setTimeout(() => this.#socket.destroy(), 2_000)
    this.#socket.once('close', () => clearTimeout(deadline))
  }

  destroy(error: Error): void {
    this.#socket.destroy(error)
  }

  #receive(chunk: Buffer): void {
    try {
      this.#reader.feed(chunk, this.#onFrame)
      this.#events?.rest()
    } catch (error) {
      this.#socket.destroy(error as Error)
    }
  }

  readonly #onFrame = (code: number, buffer: Buffer, start: number, end: number): void => {
    switch (code) {
      case 0x64: // CopyData
        if (this.#events !== undefined) this.#onCopyData(buffer, start, end)
        return
      case 0x44: // DataRow
        this.#rows.push(columnsOf(buffer, start).map((column) => (column === null ? null : column.toString('utf8'))))
        return
      case 0x57: // CopyBothResponse
        this.#settle()
        return
      case 0x5a: // ReadyForQuery
        if (this.#startup !== undefined) break
        if (this.#events !== undefined) this.#socket.destroy(this.#error ?? new ReplicationError('the server ended the stream'))
        this.#settle()
        return
      case 0x54: // RowDescription
      case 0x43: // CommandComplete
      case 0x63: // CopyDone
        return
    }
    this.#rare.parse(buffer.subarray(start - 5, end), this.#onRare)
  }

  #onCopyData(buffer: Buffer, start: number, end: number): void {
    const code = buffer[start]
    if (code === 0x77) {
      // Sent: where it begins, the end of the log, the time; then the plugin's message.
      const from = buffer.readBigUInt64BE(start + 1)
      if (from > this.#received) this.#received = from
      this.#events!.message(buffer.subarray(start + 25, end))
    } else if (code === 0x6b) {
      const sent = buffer.readBigUInt64BE(start + 1)
      if (sent > this.#received) this.#received = sent
      this.#events!.sentUpTo(sent)
      if (buffer[start + 17] === 1) this.#tell(true)
    }
  }

  /** Status update: what has arrived, and what need not be kept. */
  #tell(asked: boolean): void {
    if (this.#closed || this.#events === undefined) return
    // Nothing new still is a sign of life: the server ends a connection that is silent for too long.
    const body = Buffer.alloc(34)
    body[0] = 0x72
    if (this.#received < this.#confirmed) this.#received = this.#confirmed
    body.writeBigUInt64BE(this.#received, 1)
    body.writeBigUInt64BE(this.#confirmed, 9)
    body.writeBigUInt64BE(this.#confirmed, 17)
    body.writeBigInt64BE(BigInt(Date.now()) * 1_000n - POSTGRES_EPOCH_MICROS, 25)
    body[33] = 0
    this.#socket.write(serialize.copyData(body))
    if (asked) this.#feedback?.refresh()
  }

  readonly #onRare = (message: BackendMessage): void => {
    if ((message as { name: string }).name === 'error') {
      const error = message as unknown as DatabaseError
      this.#error = new ReplicationError(error.message, error.code, error)
      if (this.#events !== undefined && this.#waiter === undefined) this.#socket.destroy(this.#error)
    }
    this.#startup?.(message)
  }

  #settle(): void {
    const waiter = this.#waiter
    const error = this.#error
    this.#waiter = undefined
    if (waiter === undefined) return
    if (error === undefined) waiter.resolve(this.#rows)
    else {
      this.#error = undefined
      this.#events = undefined
      waiter.reject(error)
    }
  }

  #lost(cause: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#feedback)
    const error = this.#error ?? cause ?? new ReplicationError('server closed the connection unexpectedly')
    this.#startup?.({ name: 'error', length: 0, lost: error } as unknown as BackendMessage)
    this.#waiter?.reject(error)
    this.#waiter = undefined
    this.#end(error)
  }

  async #start(options: ConnectionOptions, parameters: Readonly<Record<string, string>>): Promise<void> {
    const messages: BackendMessage[] = []
    let wake: (() => void) | undefined
    this.#startup = (message) => {
      messages.push(message)
      wake?.()
    }
    const next = async (): Promise<BackendMessage> => {
      for (;;) {
        const message = messages.shift()
        if (message !== undefined) {
          if ('lost' in message) throw message.lost
          if ((message as { name: string }).name === 'error') throw this.#error ?? new ReplicationError('the login was refused')
          return message
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    const { user, database } = options
    this.#socket.write(
      serialize.startup({ user, database, replication: 'database', ...options.parameters, ...TEXT_SETTINGS, ...parameters }),
    )
    await authenticate(options, this.#socket, next)
    for (;;) {
      const message = await next()
      if (message.name === 'backendKeyData') this.processId = (message as unknown as { processID: number }).processID
      else if (message.name === 'readyForQuery') break
    }
    this.#startup = undefined
  }
}
