// A running stack: starts what its description asks for in the order of its graph, keeps it healthy, and stops it in reverse.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readEnv } from '../env/read.ts'
import { Dispatcher } from '../http/dispatch.ts'
import type { Logger } from '../log/log.ts'
import { CLUSTER_MARK, type DatabaseService } from '../service/database.ts'
import type { RunningService } from '../service/definition.ts'
import { dbEnv, isEmbedded } from '../services/db/env.ts'
import { checkPools } from '../services/db/pools.ts'
import { stopOrphan } from '../services/db/server/orphan.ts'
import type { NodeDescription, PrepareOptions, StackDescription } from './description.ts'
import { dependentsOf, levelsOf } from './graph.ts'
import { leftSlots, leftSlotsLine } from './left-slots.ts'
import { type TakenPort, takenPorts } from './ports.ts'
import { type NodeReport, ServiceNode } from './service-node.ts'

export interface StackOptions {
  readonly log: Logger
  /** Progress for people: each node's changes, and lines such as `Applying migration F...`. */
  readonly onNode?: (report: NodeReport) => void
  readonly onLine?: (line: string) => void
}

export interface ResetOptions {
  readonly seed: boolean
  readonly version?: string
}

export interface StackStatus {
  readonly nodes: readonly NodeReport[]
  readonly description: Pick<StackDescription, 'name' | 'form' | 'workDir' | 'values' | 'absent'>
}

export class PortsTakenError extends Error {
  readonly taken: readonly TakenPort[]
  constructor(taken: readonly TakenPort[]) {
    super(taken.map(sentenceOf).join('\n'))
    this.name = 'PortsTakenError'
    this.taken = taken
  }
}

function sentenceOf({ published, twin, pid, command }: TakenPort): string {
  const { port, label, setting } = published
  if (twin) return `Port ${port} is asked for twice, by ${twin.setting} and by ${setting}. Change one of them.`
  const holder = pid === undefined ? 'another process' : `another process (${command}, pid ${pid})`
  return `Port ${port} (${label}) is taken by ${holder}. Stop it, or change ${setting}.`
}

export class ServiceStartError extends Error {
  readonly service: string
  constructor(service: string, cause: unknown) {
    super(`${service} did not start: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'ServiceStartError'
    this.service = service
  }
}

/** Says that the database was prepared to the end: without it a cluster is the remains of an interrupted first start. */
const PREPARED = 'plinth.prepared'

export class Stack {
  readonly description: StackDescription
  readonly #options: StackOptions
  readonly #nodes: readonly ServiceNode[]
  readonly #levels: ServiceNode[][]
  readonly #stopping = new AbortController()
  #busy: Promise<unknown> = Promise.resolve()
  /** The database that ran last: its data can be removed also while it is being restarted, or after a reset that failed. */
  #lastDatabase: DatabaseService | undefined

  constructor(description: StackDescription, options: StackOptions) {
    this.description = description
    this.#options = options
    const dispatcher = new Dispatcher()
    for (const { names, reason } of description.absent) dispatcher.declareAbsent(names, reason)
    this.#nodes = description.nodes.map(
      (node) =>
        new ServiceNode(node, {
          log: options.log,
          dispatcher,
          ports: description.ports.filter((port) => port.node === node.name),
          onChange: (report) => this.#tell(() => options.onNode?.(report)),
        }),
    )
    const byName = new Map(this.#nodes.map((node) => [node.name, node]))
    this.#levels = levelsOf(description.nodes).map((level) => level.map(({ name }) => byName.get(name)!))
  }

  get status(): StackStatus {
    const { name, form, workDir, values, absent } = this.description
    return { nodes: this.#nodes.map((node) => node.report), description: { name, form, workDir, values, absent } }
  }

  get #database(): ServiceNode | undefined {
    return this.#nodes.find((node) => node.description.kind === 'db')
  }

  /** Everything up and healthy, or nothing: a failed start stops what it started, and removes data that it made itself. */
  start(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const work = this.#start(signal)
    this.#busy = work.catch(() => {}) // whoever called has the error
    return work
  }

  async #start(signal: AbortSignal): Promise<void> {
    refuseTooManyConnections(this.description.nodes)
    let taken = await takenPorts(this.description.ports)
    if (taken.some(({ published }) => published.node === this.#database?.description.name)) {
      // A server that this stack's last run left when it was killed.
      await stopOrphan(this.description.stateDir, this.#options.log)
      taken = await takenPorts(this.description.ports)
    }
    if (taken.length > 0) throw new PortsTakenError(taken)
    const abandoned = AbortSignal.any([signal, this.#stopping.signal])
    const made: Made = {}
    try {
      const fresh = await this.#startNodes(this.#nodes, abandoned, {}, made)
      if (fresh) await this.description.finish?.({ fresh, report: this.#line })
    } catch (error) {
      await this.#stopNodes()
      await made.database?.remove()
      throw error
    }
    for (const node of this.#nodes) node.watch()
  }

  /** Stops in reverse order of the start, and then removes the cluster where that is asked for. Safe to call at any moment and more than once. */
  async stop({ removeData = false }: { removeData?: boolean } = {}): Promise<void> {
    this.#stopping.abort(new Error('the stack is stopped'))
    await this.#busy
    await this.#stopNodes()
    const database = this.#lastDatabase
    if (removeData && database?.dataDir !== undefined) await database.remove()
  }

  /** Throws the whole cluster away and makes it anew. What stands on the database is stopped meanwhile and started again, also when preparing it failed. */
  async resetDatabase(options: ResetOptions, report: (line: string) => void): Promise<void> {
    const work = this.#busy.then(() => this.#reset(options, report))
    this.#busy = work.catch(() => {})
    await work
  }

  async #reset(options: ResetOptions, report: (line: string) => void): Promise<void> {
    this.#stopping.signal.throwIfAborted()
    const database = this.#database
    const running = this.#lastDatabase
    if (!database || running?.dataDir === undefined) throw new Error('The database of this stack runs elsewhere and is not reset from here')
    const dependents = dependentsOf(this.description.nodes, database.name).map(
      ({ name }) => this.#nodes.find((node) => node.name === name)!,
    )
    await Promise.all(dependents.map((node) => node.stop()))
    await database.stop()
    await running.remove()
    report('Recreating database...')
    let failure: unknown
    const prepare = { seed: options.seed, ...(options.version === undefined ? {} : { version: options.version }), report }
    const onFailure = (error: unknown) => {
      failure = error
    }
    try {
      await this.#startNodes(
        [database, ...dependents],
        this.#stopping.signal,
        { ...prepare, onFailure, onPrepared: () => report('Restarting containers...') },
        {},
      )
    } catch (error) {
      // Nobody may use a half of it; the next reset begins anew.
      for (const node of [...dependents].reverse()) await node.stop()
      await database.stop()
      throw error
    }
    for (const node of [database, ...dependents]) node.watch()
    if (failure !== undefined) throw failure
    await this.description.finish?.({ ...prepare, fresh: true })
  }

  readonly #line = (line: string): void => this.#tell(() => this.#options.onLine?.(line))

  // Whoever looks on must not break what it looks at: a watch that ended by somebody's exception would never restart its service.
  #tell(observer: () => void): void {
    try {
      observer()
    } catch (error) {
      this.#options.log.error({ err: error }, 'what was told of progress threw')
    }
  }

  /** Resolves to whether the database was new. */
  async #startNodes(nodes: readonly ServiceNode[], signal: AbortSignal, prepare: StartPreparation, made: Made): Promise<boolean> {
    const failed = new AbortController()
    const abandoned = AbortSignal.any([signal, failed.signal])
    const started = new Map<string, Promise<void>>()
    const healthy = new Map<string, Promise<void>>()
    let fresh = false
    for (const node of this.#levels.flat()) {
      if (!nodes.includes(node)) continue
      const needs = Object.entries(node.description.needs).map(([need, condition]) =>
        (condition === 'healthy' ? healthy : started).get(need),
      )
      const run = async () => {
        await Promise.all(needs)
        abandoned.throwIfAborted()
        const prepared = async (service: RunningService) => {
          fresh = await this.#prepare(service as DatabaseService, prepare, made, abandoned)
        }
        await node.start(abandoned, node === this.#database ? prepared : undefined)
      }
      const begun = run().catch((error: unknown) => {
        if (!(error instanceof InterruptedStart)) throw wrap(node.name, error)
        return this.#beginAnew(node, error, abandoned, prepare, made).then(() => {
          fresh = true
        })
      })
      const well = begun
        .then(() => node.untilHealthy(abandoned))
        .catch((error: unknown) => {
          const failure = wrap(node.name, error)
          failed.abort(failure)
          throw failure
        })
      started.set(node.name, begun)
      healthy.set(node.name, well)
      for (const promise of [begun, well]) promise.catch(() => {}) // every one is awaited below
    }
    const outcomes = await Promise.allSettled([...started.values(), ...healthy.values()])
    if (signal.aborted) throw signal.reason
    if (failed.signal.aborted) throw failed.signal.reason
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure) throw failure.reason
    return fresh
  }

  // A first start that was killed between initdb and the last migration left a cluster that nobody has used yet.
  async #beginAnew(
    node: ServiceNode,
    { remains }: InterruptedStart,
    signal: AbortSignal,
    prepare: StartPreparation,
    made: Made,
  ): Promise<void> {
    this.#options.log.warn('an earlier first start was interrupted: the database is made anew')
    await remains.remove()
    try {
      await node.start(signal, async (service) => void (await this.#prepare(service as DatabaseService, prepare, made, signal)))
    } catch (error) {
      throw wrap(node.name, error)
    }
  }

  async #prepare(database: DatabaseService, options: StartPreparation, made: Made, signal: AbortSignal): Promise<boolean> {
    this.#lastDatabase = database
    const { dataDir, fresh } = database
    const mark = dataDir === undefined ? undefined : join(dataDir, PREPARED)
    if (fresh && dataDir !== undefined) made.database = database
    // A cluster that Plinth did not make holds somebody's data, mark or no mark.
    else if (dataDir !== undefined && mark !== undefined && !existsSync(mark) && existsSync(join(dataDir, CLUSTER_MARK))) {
      throw new InterruptedStart(database)
    }
    const { onFailure, onPrepared, report = this.#line, ...rest } = options
    try {
      await unlessAborted(signal, () => this.description.prepare(database, { ...rest, fresh, report }))
    } catch (error) {
      if (!onFailure || signal.aborted) throw error
      onFailure(error)
    }
    onPrepared?.()
    if (!fresh) await this.#tellLeftSlots(database)
    if (mark !== undefined) writeFileSync(mark, '')
    return fresh
  }

  /** A slot that nobody reads fills the disk, and nobody would know why. */
  async #tellLeftSlots(database: DatabaseService): Promise<void> {
    if (this.description.nodes.some(({ kind }) => kind === 'realtime')) return
    try {
      const names = await leftSlots(database.adminUrl)
      if (names.length > 0) this.#line(leftSlotsLine(names))
    } catch (error) {
      this.#options.log.debug({ err: error as Error }, 'replication slots could not be looked for')
    }
  }

  async #stopNodes(): Promise<void> {
    for (const level of [...this.#levels].reverse()) await Promise.all(level.map((node) => node.stop()))
  }
}

/** Does not wait for work that was abandoned: it ends with the database under it. */
async function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const over = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: over.signal })
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    over.abort()
  }
}

interface StartPreparation extends Partial<Omit<PrepareOptions, 'fresh'>> {
  /** Given, a failed preparation does not fail the start. */
  readonly onFailure?: (error: unknown) => void
  readonly onPrepared?: () => void
}

/** The cluster that this very start has made. */
interface Made {
  database?: DatabaseService
}

class InterruptedStart extends Error {
  readonly remains: DatabaseService
  constructor(remains: DatabaseService) {
    super('an earlier first start was interrupted')
    this.remains = remains
  }
}

function refuseTooManyConnections(nodes: readonly NodeDescription[]): void {
  const database = nodes.find(({ kind, place }) => kind === 'db' && place.at !== 'address')
  if (database === undefined) return
  const env = readEnv(dbEnv, database.env)
  // A server elsewhere has a limit of its own, which its owner knows.
  if (isEmbedded(env)) checkPools(nodes, env.PLINTH_DB_SETTINGS)
}

function wrap(service: string, error: unknown): ServiceStartError {
  return error instanceof ServiceStartError ? error : new ServiceStartError(service, error)
}
