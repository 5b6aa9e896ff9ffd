// One connection to Postgres that carries batches of statements, several in flight if asked to: startup, login, statements prepared
// once and remembered, answers handed to the batch they belong to. Which connection a batch goes to is the executor's business.
import type { Socket } from 'node:net'
import { DatabaseError, serialize } from 'pg-protocol'
import type {
  BackendMessage,
  NotificationResponseMessage,
  ParameterStatusMessage,
  RowDescriptionMessage,
} from 'pg-protocol/dist/messages.js'
import { Parser } from 'pg-protocol/dist/parser.js'
import type { ConnectionOptions } from '../connection-options.ts'
import { authenticate } from './authenticate.ts'
import { ConnectError, ConnectionLost, StatementError } from './errors.ts'
import { columnsOf, FrameReader, FrameWriter, type Value } from './frames.ts'
import { openSocket } from './open-socket.ts'

export interface Statement {
  readonly text: string
  readonly values?: readonly Value[]
  /** False: parsed for this batch only. */
  readonly prepare?: boolean
  /** Nobody looks at its rows. */
  readonly discard?: boolean
  /** Ask for the names of the columns. */
  readonly describe?: boolean
}

export interface Result {
  /** Columns in text form, as the bytes that came; null for NULL. */
  readonly rows: (Buffer | null)[][]
  /** `SELECT 3`, `INSERT 0 1`. */
  tag: string
  readonly columns: readonly string[]
}

/** One batch on its way: what is asked, what has come so far, and whom to tell. */
export interface InFlight {
  readonly statements: readonly Statement[]
  readonly results: Result[]
  readonly startedAt: number
  current: number
  error: Error | undefined
  /** Statements whose preparation is not confirmed yet, in order. */
  readonly parsing: { readonly text: string; readonly name: string }[]
  /** The server has answered all of it, `error` included. `status` is the transaction state: I idle, T open, E failed. */
  done(status: string): void
  /** The connection broke before that. */
  failed(error: Error): void
}

/** Room for the bytes of one turn of the loop: a few requests. Below half of Node's pool for buffers, so that it costs no allocation. */
const WRITE_BYTES = 4_000
const NO_VALUES: readonly Value[] = []
/** How many statements a connection keeps prepared; each costs the server some tens of kilobytes. */
const PREPARED_LIMIT = 250
/** Longer texts come once (a bulk insert with hundreds of columns) and are not worth the server's memory. */
const PREPARED_TEXT_LIMIT = 32_768

export interface ConnectionEvents {
  onClose(connection: Connection, error: Error): void
  onNotification?(channel: string, payload: string): void
}

export class Connection {
  readonly openedAt = Date.now()
  processId = 0
  serverVersion = ''
  readonly inFlight: InFlight[] = []
  closed = false
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #rare = new Parser()
  readonly #events: ConnectionEvents
  readonly #prepared = new Map<string, string>()
  readonly #doomed: string[] = []
  readonly #target: { host: string; port: number }
  readonly #tls: boolean
  /** What is to be sent at the end of this turn of the loop; undefined when there is nothing. */
  #outgoing: FrameWriter | undefined
  #names = 0
  #secretKey: Buffer = Buffer.alloc(0)
  #fatal: DatabaseError | undefined
  #startup: ((message: BackendMessage) => void) | undefined

  private constructor(socket: Socket, target: { host: string; port: number }, tls: boolean, events: ConnectionEvents) {
    this.#socket = socket
    this.#target = target
    this.#tls = tls
    this.#events = events
    socket.on('error', (error) => this.#lost(error))
    socket.on('close', () => this.#lost(undefined))
  }

  /** Tries the hosts in order. Rejects with ConnectError. */
  static async open(options: ConnectionOptions, events: ConnectionEvents): Promise<Connection> {
    let failure: unknown
    for (const target of options.hosts) {
      const attempts =
        options.sslmode === 'disable'
          ? [false]
          : options.sslmode === 'allow'
            ? [false, true]
            : options.sslmode === 'prefer'
              ? [true, false]
              : [true]
      for (const tls of attempts) {
        try {
          return await Connection.#openOne(options, target, tls, events)
        } catch (error) {
          failure = error
          // Another try with or without TLS helps only where the server's host rules refused this one.
          if (!(error instanceof ConnectError) || error.code !== '28000') break
        }
      }
    }
    throw failure
  }

  static async #openOne(
    options: ConnectionOptions,
    target: { host: string; port: number },
    tls: boolean,
    events: ConnectionEvents,
  ): Promise<Connection> {
    // The server speaks only when spoken to, so nothing comes before the connection is there.
    const reading: { connection?: Connection } = {}
    const socket = await openSocket(options, target, tls, (bytes) => {
      if (reading.connection !== undefined) reading.connection.#receive(bytes)
    })
    const connection = new Connection(socket, target, tls, events)
    reading.connection = connection
    const deadline = setTimeout(() => socket.destroy(new Error('timeout expired')), options.connectTimeoutMs)
    try {
      await connection.#start(options)
      if (options.readWrite) await connection.#demandWritable()
      return connection
    } catch (error) {
      connection.closed = true
      socket.destroy()
      if (error instanceof ConnectError) throw error
      const cause = error as Error
      const prefix = `connection to server at "${target.host}", port ${target.port} failed: `
      if (cause instanceof DatabaseError)
        throw new ConnectError(`${prefix}${cause.severity ?? 'FATAL'}:  ${cause.message}`, { cause, code: cause.code })
      throw new ConnectError(`${prefix}${cause.message}`, { cause })
    } finally {
      clearTimeout(deadline)
    }
  }

  /** Sends a batch with one Sync: one implicit transaction unless the statements say otherwise. */
  send(batch: InFlight): void {
    let writer = this.#outgoing
    if (writer === undefined) {
      // What else comes for this connection in this turn of the loop goes into the same bytes and shares the write.
      writer = new FrameWriter(WRITE_BYTES)
      this.#outgoing = writer
      setImmediate(this.#flush)
    }
    if (this.#doomed.length > 0) for (const name of this.#doomed.splice(0)) writer.closeStatement(name)
    for (const statement of batch.statements) {
      const name = this.#nameOf(statement, batch, writer)
      writer.bind(name, statement.values ?? NO_VALUES)
      if (statement.describe) writer.describe()
      writer.execute()
    }
    writer.sync()
    this.inFlight.push(batch)
  }

  /** Whether bytes wait for the end of this turn of the loop: more cost no further write. */
  get collecting(): boolean {
    return this.#outgoing !== undefined
  }

  readonly #flush = (): void => {
    const parts = this.#outgoing?.parts()
    this.#outgoing = undefined
    if (parts === undefined) return
    if (parts.length === 1) {
      this.#socket.write(parts[0]!)
      return
    }
    this.#socket.cork()
    for (const part of parts) this.#socket.write(part)
    this.#socket.uncork()
  }

  /** Whether a statement is prepared here already: a reason to prefer this connection. */
  knows(text: string): boolean {
    return this.#prepared.has(text)
  }

  /** Asks the server to stop what this connection runs, and resolves when the asking is over. Only for a connection with one batch. */
  async cancel(options: ConnectionOptions): Promise<void> {
    const socket = await openSocket(options, this.#target, this.#tls, () => undefined)
    await new Promise<void>((resolve) => {
      const head = Buffer.alloc(12)
      head.writeInt32BE(12 + this.#secretKey.length, 0)
      head.writeInt32BE(80_877_102, 4)
      head.writeInt32BE(this.processId, 8)
      const deadline = setTimeout(() => socket.destroy(), 5_000)
      socket.on('error', () => undefined) // the server hangs up when it has the request: that is all it ever answers
      socket.on('close', () => {
        clearTimeout(deadline)
        resolve()
      })
      socket.resume()
      socket.write(Buffer.concat([head, this.#secretKey]))
    })
  }

  /** Says goodbye to the server; batches in flight are lost. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.#socket.end(serialize.end())
    const deadline = setTimeout(() => this.#socket.destroy(), 2_000)
    this.#socket.once('close', () => clearTimeout(deadline))
  }

  /** Breaks the connection at once. */
  destroy(error: Error): void {
    this.#socket.destroy(error)
  }

  #nameOf(statement: Statement, batch: InFlight, writer: FrameWriter): string {
    const { text } = statement
    if (statement.prepare === false || text.length > PREPARED_TEXT_LIMIT) {
      writer.parse('', text)
      batch.parsing.push({ text, name: '' })
      return ''
    }
    const known = this.#prepared.get(text)
    if (known !== undefined) {
      // The map keeps its oldest entry first; moving an entry is worth its cost only when something is about to be dropped.
      if (this.#prepared.size > PREPARED_LIMIT / 2) {
        this.#prepared.delete(text)
        this.#prepared.set(text, known)
      }
      return known
    }
    const name = `s${(++this.#names).toString(36)}`
    writer.parse(name, text)
    batch.parsing.push({ text, name })
    return name
  }

  #confirm({ text, name }: { text: string; name: string }): void {
    if (name === '') return
    if (this.#prepared.has(text)) {
      this.#doomed.push(name)
      return
    }
    this.#prepared.set(text, name)
    if (this.#prepared.size > PREPARED_LIMIT) {
      const [oldest, oldName] = this.#prepared.entries().next().value!
      this.#prepared.delete(oldest)
      this.#doomed.push(oldName)
    }
  }

  #receive(chunk: Buffer): void {
    try {
      this.#reader.feed(chunk, this.#onFrame)
    } catch (error) {
      this.#socket.destroy(error as Error)
    }
  }

  readonly #onFrame = (code: number, buffer: Buffer, start: number, end: number, own: boolean): void => {
    const batch = this.inFlight[0]
    switch (code) {
      case 0x44: // DataRow
        if (batch !== undefined && !batch.statements[batch.current]!.discard) {
          const row = own ? columnsOf(buffer, start) : columnsOf(Buffer.from(buffer.subarray(start, end)), 0)
          batch.results[batch.current]!.rows.push(row)
        }
        return
      case 0x43: // CommandComplete
        if (batch === undefined) return
        batch.results[batch.current]!.tag = buffer.toString('latin1', start, end - 1)
        batch.current++
        return
      case 0x49: // EmptyQuery
        if (batch !== undefined) batch.current++
        return
      case 0x31: // ParseComplete
        if (batch !== undefined) this.#confirm(batch.parsing.shift()!)
        return
      case 0x32: // BindComplete
      case 0x33: // CloseComplete
      case 0x6e: // NoData
        return
      case 0x5a: // ReadyForQuery
        if (this.#startup !== undefined) break
        if (batch !== undefined) this.#finish(batch, String.fromCharCode(buffer[start]!))
        return
    }
    this.#rare.parse(buffer.subarray(start - 5, end), this.#onRare)
  }

  readonly #onRare = (message: BackendMessage): void => {
    if ((message as { name: string }).name === 'error') {
      const error = message as unknown as DatabaseError
      const batch = this.inFlight[0]
      if (error.severity === 'FATAL' || error.severity === 'PANIC') this.#fatal = error
      // Unknown statement: someone dropped them all (a pooler in between, DISCARD ALL); they are prepared anew.
      if (error.code === '26000') this.#prepared.clear()
      if (batch !== undefined && batch.error === undefined) batch.error = new StatementError(error, batch.current)
    } else if (message.name === 'notification') {
      const { channel, payload } = message as unknown as NotificationResponseMessage
      this.#events.onNotification?.(channel, payload)
    } else if (message.name === 'rowDescription') {
      const batch = this.inFlight[0]
      const result = batch?.results[batch.current]
      if (result) (result.columns as string[]).push(...(message as unknown as RowDescriptionMessage).fields.map(({ name }) => name))
    } else if (message.name === 'parameterStatus') {
      const { parameterName, parameterValue } = message as unknown as ParameterStatusMessage
      if (parameterName === 'server_version') this.serverVersion = parameterValue
    }
    this.#startup?.(message)
  }

  #finish(batch: InFlight, status: string): void {
    this.inFlight.shift()
    // What an error skipped was never parsed, so it stays unknown here.
    batch.parsing.length = 0
    batch.done(status)
  }

  #lost(cause: Error | undefined): void {
    if (this.closed && this.inFlight.length === 0 && this.#startup === undefined) return
    const wasClosed = this.closed
    this.closed = true
    const message = this.#fatal?.message ?? cause?.message ?? 'server closed the connection unexpectedly'
    const error = new ConnectionLost(message, { cause, code: this.#fatal?.code })
    this.#startup?.({ name: 'error', length: 0, lost: this.#fatal ?? cause ?? error } as unknown as BackendMessage)
    for (const batch of this.inFlight.splice(0)) batch.failed(error)
    if (!wasClosed) this.#events.onClose(this, error)
  }

  async #start(options: ConnectionOptions): Promise<void> {
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
          if ((message as { name: string }).name === 'error') throw message
          return message
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    this.#socket.write(serialize.startup({ user: options.user, database: options.database, ...options.parameters }))
    await authenticate(options, this.#socket, next)
    for (;;) {
      const message = await next()
      if (message.name === 'backendKeyData') {
        const { processID, secretKey } = message as unknown as { processID: number; secretKey: number }
        this.processId = processID
        this.#secretKey = Buffer.alloc(4)
        this.#secretKey.writeInt32BE(secretKey | 0, 0)
      } else if (message.name === 'readyForQuery') break
    }
    this.#startup = undefined
  }

  async #demandWritable(): Promise<void> {
    const readOnly = await new Promise<string>((resolve, reject) => {
      const results: Result[] = [emptyResult()]
      this.send({
        statements: [{ text: 'show transaction_read_only', prepare: false }],
        results,
        startedAt: 0,
        current: 0,
        error: undefined,
        parsing: [],
        done: () => resolve(String(results[0]!.rows[0]?.[0])),
        failed: reject,
      })
    })
    if (readOnly === 'on') throw new ConnectError('session is read-only')
  }
}

export const emptyResult = (): Result => ({ rows: [], tag: '', columns: [] })
