// The pipelined executor: a bounded set of connections, a whole request in one write and one round trip. It chooses the connection,
// keeps transactions closed, cancels what nobody waits for, and gives connections back to the server when they are old or unused.
import { type ConnectionOptions, parseConnection } from './connection-options.ts'
import { Connection, emptyResult, type InFlight, type Result, type Statement } from './executor/connection.ts'
import { AcquisitionTimeout, Cancelled, ConnectError, ConnectionLost } from './executor/errors.ts'

export type { Result, Statement } from './executor/connection.ts'
export { AcquisitionTimeout, Cancelled, ConnectError, ConnectionLost, type PostgresError, StatementError } from './executor/errors.ts'
export type { Value } from './executor/frames.ts'

export interface ExecutorOptions {
  readonly connection: ConnectionOptions | string
  readonly max: number
  /** How long a request may wait for a connection. */
  readonly acquisitionTimeoutMs?: number
  readonly maxLifetimeMs?: number
  readonly maxIdleMs?: number
  /** Called when a connection could not be made or broke. */
  readonly onTrouble?: (error: Error) => void
}

export type Ending = 'commit' | 'rollback'

export interface Batch {
  readonly statements: readonly Statement[]
  /**
   * Absent: all statements are one implicit transaction, committed by the Sync that ends the write.
   * Present: an explicit one; `begin` is its first statement (`begin isolation level serializable read only`).
   */
  readonly transaction?: {
    readonly begin: string
    /** A function decides after it has seen the results, at the cost of a second round trip. */
    readonly end: Ending | ((results: readonly Result[]) => Ending)
  }
  /** Whoever this runs as: a connection that served the same last time needs no new plans under row level security. */
  readonly affinity?: string
  /** Changes nothing: while another request keeps its connection for too long it may be given up, though it was sent. */
  readonly readOnly?: boolean
}

/** Lets a caller give a request up: the client went away, a deadline passed. */
export class Cancellation {
  cancelled = false
  /** Set by the executor while it holds the request. */
  action: (() => void) | undefined

  cancel(): void {
    if (this.cancelled) return
    this.cancelled = true
    this.action?.()
  }
}

export interface ExecutorStats {
  readonly max: number
  readonly open: number
  readonly busy: number
  readonly waiting: number
  readonly timeouts: number
}

/** A request on its way through the executor. */
interface Job {
  readonly batch: Batch
  readonly resolve: (results: readonly Result[]) => void
  readonly reject: (error: Error) => void
  readonly queuedAt: number
  cancellation: Cancellation | undefined
  line: Line | undefined
  /** Nobody waits for it any more, though it was sent. */
  abandoned: boolean
}

const isGivenUp = ({ abandoned, cancellation }: Job): boolean => abandoned || cancellation?.cancelled === true

/** A connection and what the executor knows about it. */
interface Line {
  readonly connection: Connection
  readonly jobs: Job[]
  role: string | undefined
  lastUsed: number
  /** When the oldest request on it was sent. */
  busySince: number
  /** An explicit transaction runs: nothing may be queued behind it. */
  exclusive: boolean
  /** A cancel is on its way to the server and strikes whatever runs: nothing may be sent meanwhile. */
  cancelling: boolean
  /** To be closed as soon as it is idle. */
  retired: boolean
}

/** A request may share a connection only with one that has run for less than this: one slow query must not hold up others. */
const YOUNG_MS = 20
/** How many requests one connection carries at most. */
const DEPTH = 8
/** Requests that wait for a connection; more are refused at once, for they would only time out. */
const QUEUE_LIMIT = 10_000
/** After a failed connection attempt, requests within this time share its error instead of each trying again. */
const RETRY_AFTER_MS = 250

export class Executor {
  readonly options: ConnectionOptions
  readonly #limits: Required<Pick<ExecutorOptions, 'max' | 'acquisitionTimeoutMs' | 'maxLifetimeMs' | 'maxIdleMs'>>
  readonly #onTrouble: (error: Error) => void
  /** The most recently used last. */
  readonly #idle: Line[] = []
  readonly #busy = new Set<Line>()
  readonly #queue: Job[] = []
  readonly #sweeper: NodeJS.Timeout
  #opening = 0
  #closed = false
  #timeouts = 0
  #failure: { error: ConnectError; at: number } | undefined
  #drained: (() => void) | undefined

  constructor(options: ExecutorOptions) {
    this.options = typeof options.connection === 'string' ? parseConnection(options.connection) : options.connection
    this.#limits = {
      max: Math.max(1, options.max),
      acquisitionTimeoutMs: options.acquisitionTimeoutMs ?? 10_000,
      maxLifetimeMs: options.maxLifetimeMs ?? 1_800_000,
      maxIdleMs: options.maxIdleMs ?? 30_000,
    }
    this.#onTrouble = options.onTrouble ?? (() => undefined)
    this.#sweeper = setInterval(() => this.#sweep(), 250)
    this.#sweeper.unref()
  }

  /**
   * Runs a batch and gives each statement's result. Rejects with StatementError (Postgres refused it; all is rolled back),
   * ConnectError, ConnectionLost, AcquisitionTimeout or Cancelled.
   */
  run(batch: Batch, cancellation?: Cancellation): Promise<readonly Result[]> {
    return new Promise((resolve, reject) => {
      const job: Job = { batch, resolve, reject, queuedAt: Date.now(), cancellation, line: undefined, abandoned: false }
      if (cancellation?.cancelled) return reject(new Cancelled())
      if (this.#closed) return reject(new ConnectionLost('the executor is closed'))
      if (cancellation !== undefined) cancellation.action = () => this.#cancel(job)
      const line = this.#queue.length > 0 ? undefined : this.#choose(batch)
      if (line !== undefined) this.#send(line, job)
      else this.#enqueue(job)
    })
  }

  stats(): ExecutorStats {
    const open = this.#idle.length + this.#busy.size
    return { max: this.#limits.max, open, busy: this.#busy.size, waiting: this.#queue.length, timeouts: this.#timeouts }
  }

  /** Resolves when a connection works: an open one answers, or a new one can be made. */
  async ping(): Promise<void> {
    await this.run({ statements: [{ text: 'select' }] })
  }

  /** Replaces all connections, each as soon as it is idle: what they have prepared may be out of date. */
  renew(): void {
    for (const line of this.#busy) line.retired = true
    for (const line of this.#idle.splice(0)) line.connection.close()
  }

  /** Waits for what runs, at most `graceMs`, then closes everything. */
  async close(graceMs = 5_000): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#sweeper)
    for (const job of this.#queue.splice(0)) this.#settle(job, new ConnectionLost('the executor is closed'))
    for (const line of this.#idle.splice(0)) line.connection.close()
    if (this.#busy.size > 0) {
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, graceMs)
        this.#drained = () => {
          clearTimeout(deadline)
          resolve()
        }
      })
    }
    for (const line of this.#busy) line.connection.destroy(new ConnectionLost('the executor is closed'))
    this.#busy.clear()
  }

  /** An idle connection, best one that served the same role; a busy young one only when there can be no other. */
  #choose(batch: Batch): Line | undefined {
    const idle = this.#idle
    if (idle.length > 0) {
      let index = idle.length - 1
      if (batch.affinity !== undefined && idle[index]!.role !== batch.affinity) {
        for (let other = index - 1; other >= 0; other--) {
          if (idle[other]!.role === batch.affinity) {
            index = other
            break
          }
        }
      }
      return index === idle.length - 1 ? idle.pop() : idle.splice(index, 1)[0]
    }
    if (this.#busy.size + this.#opening < this.#limits.max || batch.transaction !== undefined) return undefined
    const now = Date.now()
    let best: Line | undefined
    let bestCost = Number.POSITIVE_INFINITY
    for (const line of this.#busy) {
      if (line.exclusive || line.cancelling || line.retired || line.jobs.length >= DEPTH || now - line.busySince >= YOUNG_MS) continue
      // One on it is to be cancelled as soon as it is alone: feeding the connection would put that off.
      if (line.jobs.some(isGivenUp)) continue
      const cost = (line.connection.collecting ? -DEPTH : 0) + line.jobs.length + (line.role === batch.affinity ? 0 : 0.5)
      if (cost < bestCost) {
        best = line
        bestCost = cost
      }
    }
    return best
  }

  #enqueue(job: Job): void {
    const failure = this.#failure
    if (failure !== undefined && this.#idle.length + this.#busy.size === 0 && Date.now() - failure.at < RETRY_AFTER_MS) {
      this.#settle(job, failure.error)
      return
    }
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#timeouts++
      this.#settle(job, new AcquisitionTimeout())
      return
    }
    this.#queue.push(job)
    this.#grow()
  }

  /** Opens connections while requests wait and the limit allows. */
  #grow(): void {
    while (this.#opening < this.#queue.length && this.#idle.length + this.#busy.size + this.#opening < this.#limits.max) {
      this.#opening++
      Connection.open(this.options, { onClose: (connection, error) => this.#onClose(connection, error) }).then(
        (connection) => {
          this.#opening--
          this.#failure = undefined
          if (this.#closed) return connection.close()
          this.#employ({
            connection,
            jobs: [],
            role: undefined,
            lastUsed: Date.now(),
            busySince: 0,
            exclusive: false,
            cancelling: false,
            retired: false,
          })
        },
        (cause) => {
          this.#opening--
          const error = cause instanceof ConnectError ? cause : new ConnectError((cause as Error).message, { cause })
          this.#failure = { error, at: Date.now() }
          this.#onTrouble(error)
          // With others at work a refusal (too many connections) only means to wait for those.
          if (this.#idle.length + this.#busy.size === 0) for (const job of this.#queue.splice(0)) this.#settle(job, error)
        },
      )
    }
  }

  #send(line: Line, job: Job): void {
    const { batch } = job
    const { transaction } = batch
    const now = Date.now()
    job.line = line
    if (line.jobs.length === 0) {
      line.busySince = now
      this.#busy.add(line)
    }
    line.jobs.push(job)
    line.role = batch.affinity
    let statements = batch.statements
    if (transaction !== undefined) {
      line.exclusive = true
      statements = [{ text: transaction.begin }, ...statements]
      if (typeof transaction.end === 'string') statements = [...statements, { text: transaction.end }]
    }
    const flight: InFlight = {
      statements,
      results: statements.map(emptyResult),
      startedAt: now,
      current: 0,
      error: undefined,
      parsing: [],
      done: (status) => this.#done(line, job, flight, status),
      failed: (error) => {
        this.#settle(job, error)
      },
    }
    line.connection.send(flight)
  }

  #done(line: Line, job: Job, flight: InFlight, status: string): void {
    const { transaction } = job.batch
    if (transaction === undefined) {
      // A statement of the batch may have opened a transaction of its own; it must not outlive the batch.
      if (status !== 'I') {
        this.#end(line, job, 'rollback', flight.error, flight.results)
        return
      }
      this.#finish(line, job, flight.error, flight.results)
      return
    }
    const results = flight.results.slice(1, job.batch.statements.length + 1)
    if (status === 'I') {
      this.#finish(line, job, flight.error, results)
      return
    }
    if (flight.error !== undefined || status === 'E') {
      this.#end(line, job, 'rollback', flight.error, results)
      return
    }
    let ending: Ending = 'rollback'
    let error: Error | undefined
    try {
      ending = typeof transaction.end === 'function' ? transaction.end(results) : transaction.end
    } catch (thrown) {
      error = thrown as Error
    }
    this.#end(line, job, ending, error, results)
  }

  /** Ends an open transaction in a round trip of its own, then the job. */
  #end(line: Line, job: Job, ending: Ending, error: Error | undefined, results: readonly Result[]): void {
    const flight: InFlight = {
      statements: [{ text: ending }],
      results: [emptyResult()],
      startedAt: Date.now(),
      current: 0,
      error: undefined,
      parsing: [],
      done: (status) => {
        if (status !== 'I' && ending === 'commit') return this.#end(line, job, 'rollback', flight.error, results)
        this.#finish(line, job, error ?? flight.error, results)
      },
      failed: (lost) => {
        this.#settle(job, error ?? lost)
      },
    }
    line.connection.send(flight)
  }

  #finish(line: Line, job: Job, error: Error | undefined, results: readonly Result[]): void {
    line.jobs.shift()
    if (job.batch.transaction !== undefined) line.exclusive = false
    this.#settle(job, error, results)
    if (line.jobs.length > 0) {
      line.busySince = Date.now()
      if (line.jobs.length === 1 && isGivenUp(line.jobs[0]!)) this.#cancelAlone(line)
      return
    }
    if (!line.cancelling) this.#release(line)
  }

  #settle(job: Job, error: Error | undefined, results: readonly Result[] = []): void {
    if (job.cancellation !== undefined) job.cancellation.action = undefined
    if (error !== undefined) job.reject(error)
    else job.resolve(results)
  }

  /** Gives a free connection to whoever waits or to the idle ones, or ends it when its time is over. */
  #release(line: Line): void {
    this.#busy.delete(line)
    if (line.connection.closed) {
      this.#whenDrained()
      return
    }
    if (line.retired || this.#closed || Date.now() - line.connection.openedAt > this.#limits.maxLifetimeMs) {
      line.connection.close()
      this.#grow()
      this.#whenDrained()
      return
    }
    this.#employ(line)
  }

  /** Also a new connection comes here, whatever its age: on a slow machine one with a short life would otherwise never serve. */
  #employ(line: Line): void {
    const next = this.#queue.shift()
    if (next !== undefined) {
      this.#send(line, next)
      return
    }
    line.lastUsed = Date.now()
    this.#idle.push(line)
  }

  #whenDrained(): void {
    if (this.#closed && this.#busy.size === 0) this.#drained?.()
  }

  #cancel(job: Job): void {
    const { line } = job
    if (line === undefined) {
      const at = this.#queue.indexOf(job)
      if (at >= 0) this.#queue.splice(at, 1)
      this.#settle(job, new Cancelled())
      return
    }
    // A cancel strikes whatever the connection runs: with neighbours on it, it has to wait until they are through.
    if (line.jobs.length === 1) this.#cancelAlone(line)
  }

  /** Asks Postgres to stop the only request of a connection. The connection is free again when both the asking and the request are over. */
  #cancelAlone(line: Line): void {
    line.cancelling = true
    line.connection.cancel(this.options).then(
      () => this.#unlock(line),
      () => {
        // Not reachable for a cancel: the connection is given up, so that what it runs does not hold a place.
        line.connection.destroy(new ConnectionLost('the request was given up'))
        this.#unlock(line)
      },
    )
  }

  #unlock(line: Line): void {
    line.cancelling = false
    if (line.jobs.length === 0) this.#release(line)
  }

  #onClose(connection: Connection, error: Error): void {
    this.#onTrouble(error)
    const at = this.#idle.findIndex((line) => line.connection === connection)
    if (at >= 0) this.#idle.splice(at, 1)
    for (const line of this.#busy) if (line.connection === connection) this.#busy.delete(line)
    this.#whenDrained()
    if (!this.#closed) this.#grow()
  }

  #sweep(): void {
    const now = Date.now()
    const { acquisitionTimeoutMs, maxIdleMs, maxLifetimeMs } = this.#limits
    while (this.#queue.length > 0 && now - this.#queue[0]!.queuedAt >= acquisitionTimeoutMs) {
      this.#timeouts++
      this.#settle(this.#queue.shift()!, new AcquisitionTimeout())
    }
    // Those behind a request that was young and turned out slow. What writes is waited for: it will be done.
    for (const { jobs } of this.#busy)
      for (const job of jobs.slice(1)) {
        if (!job.batch.readOnly || job.abandoned || now - job.queuedAt < acquisitionTimeoutMs) continue
        job.abandoned = true
        this.#timeouts++
        this.#settle(job, new AcquisitionTimeout())
      }
    for (let index = this.#idle.length - 1; index >= 0; index--) {
      const { connection, lastUsed } = this.#idle[index]!
      if (now - lastUsed < maxIdleMs && now - connection.openedAt < maxLifetimeMs) continue
      this.#idle.splice(index, 1)
      connection.close()
    }
    // Connections that could not be made while others worked are tried again while requests wait.
    if (this.#queue.length > 0) this.#grow()
  }
}
