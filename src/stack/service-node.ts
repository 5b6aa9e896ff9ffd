// One service of a running stack: its state, its start, its published ports, and its restarts.

import type { Dispatcher } from '../http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../http/server.ts'
import type { Logger } from '../log/log.ts'
import type { RunningService } from '../service/definition.ts'
import { UndoList } from '../service/undo-list.ts'
import { backoffMs, pause } from './backoff.ts'
import type { NodeDescription, PublishedPort } from './description.ts'
import { checkOnce, untilHealthy, untilUnhealthy } from './health.ts'
import { serviceElsewhere } from './places/address.ts'
import { startHere } from './places/here.ts'
import { startProcess } from './places/process.ts'

export type NodeState = 'waiting' | 'starting' | 'started' | 'healthy' | 'unhealthy' | 'stopping' | 'stopped' | 'failed'

export interface NodeReport {
  readonly name: string
  readonly state: NodeState
  /** Milliseconds from the start of this node to this state. */
  readonly ms: number
  /** Why it is unhealthy or failed. */
  readonly reason?: string
}

export interface NodeContext {
  readonly log: Logger
  readonly dispatcher: Dispatcher
  readonly ports: readonly PublishedPort[]
  readonly onChange: (report: NodeReport) => void
}

/** Asked to stop, a service gets this long; then the stack goes on without it. */
const STOP_MS = 8_000

export class ServiceNode {
  readonly description: NodeDescription
  readonly #ctx: NodeContext
  #state: NodeState = 'waiting'
  #reason: string | undefined
  #began = 0
  #service: RunningService | undefined
  readonly #undo = new UndoList()
  #watch: AbortController | undefined
  #watching: Promise<void> | undefined

  constructor(description: NodeDescription, ctx: NodeContext) {
    this.description = description
    this.#ctx = ctx
    ctx.dispatcher.declareAbsent(this.#names, `The service ${description.name} is not running yet`)
  }

  get name(): string {
    return this.description.name
  }

  get service(): RunningService | undefined {
    return this.#service
  }

  get report(): NodeReport {
    return {
      name: this.name,
      state: this.#state,
      ms: this.#began === 0 ? 0 : Math.round(performance.now() - this.#began),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    }
  }

  get #names(): string[] {
    return [this.name, ...this.description.aliases]
  }

  /** Starts the service; `prepare` is what has to happen before anybody may use it. Rejects after undoing what was done. */
  async start(signal: AbortSignal, prepare?: (service: RunningService) => Promise<void>): Promise<void> {
    this.#began = performance.now()
    this.#set('starting')
    try {
      this.#service = await this.#launch(signal)
      await prepare?.(this.#service)
      signal.throwIfAborted()
      await this.#announce(this.#service)
      this.#set('started')
    } catch (error) {
      await this.#release()
      this.#set(signal.aborted ? 'stopped' : 'failed', error)
      throw error
    }
  }

  async untilHealthy(signal: AbortSignal): Promise<void> {
    try {
      await untilHealthy(() => this.#service!.health(), this.description.health, signal)
      this.#set('healthy')
    } catch (error) {
      if (!signal.aborted) this.#set('unhealthy', error)
      throw error
    }
  }

  /** From now on a service that turns unhealthy is restarted, with growing pauses, until it is stopped. */
  watch(): void {
    const stop = new AbortController()
    this.#watch = stop
    this.#watching = this.#watchUntil(stop.signal)
  }

  async stop(): Promise<void> {
    this.#watch?.abort()
    await this.#watching
    if (!this.#service) return
    this.#set('stopping')
    await this.#release()
    this.#set('stopped')
  }

  async #watchUntil(signal: AbortSignal): Promise<void> {
    const { log } = this.#ctx
    for (let attempt = 0; !signal.aborted; ) {
      if (this.#service) {
        const { ended } = this.#service
        const reason = await untilUnhealthy(() => this.#service!.health(), this.description.health, signal, ended)
        if (signal.aborted) return
        this.#set('unhealthy', reason)
        if (this.description.place.at === 'address') {
          log.error({ err: reason }, `${this.name} is unhealthy`)
          await this.#untilBack(signal)
          continue
        }
        log.error({ err: reason }, `${this.name} is unhealthy and is restarted`)
        await this.#release()
      }
      if (attempt > 0 && !(await pause(backoffMs(attempt - 1), signal))) return
      try {
        await this.start(signal)
        await this.untilHealthy(signal)
        log.info(`${this.name} is healthy again`)
        attempt = 0
      } catch (error) {
        if (signal.aborted) return
        attempt++
        log.error({ err: error }, `${this.name} did not start again`)
        await this.#release()
      }
    }
  }

  // Of a service elsewhere nothing can be restarted: it comes back by itself, however long that takes.
  async #untilBack(signal: AbortSignal): Promise<void> {
    const { health } = this.description
    while (await pause(health.intervalMs, signal)) {
      try {
        await checkOnce(() => this.#service!.health(), health.timeoutMs)
        this.#set('healthy')
        this.#ctx.log.info(`${this.name} is healthy again`)
        return
      } catch {
        // Not yet: its state says so.
      }
    }
  }

  #launch(signal: AbortSignal): Promise<RunningService> {
    const { place } = this.description
    const ctx = { log: this.#ctx.log.child({ service: this.name }), dispatcher: this.#ctx.dispatcher, signal }
    if (place.at === 'here') return startHere(this.description, ctx)
    if (place.at === 'process') return startProcess(this.description, ctx)
    return Promise.resolve(serviceElsewhere(this.description, place.url, ctx))
  }

  async #announce(service: RunningService): Promise<void> {
    this.#undo.defer(this.#ctx.dispatcher.register(this.#names, service.endpoints))
    for (const published of this.#ctx.ports) {
      const endpoint = service.endpoints.find(({ port }) => port === published.endpoint)
      if (!endpoint) continue
      const server: ListeningServer = await serveEndpoint(endpoint, published.host, published.port, (error) =>
        this.#ctx.log.error({ err: error, service: this.name }, 'a request failed by a bug'),
      )
      this.#undo.defer(() => server.close())
    }
  }

  async #release(): Promise<void> {
    await this.#undo.undo().catch((error: unknown) => this.#ctx.log.error({ err: error }, `${this.name} was not withdrawn cleanly`))
    const service = this.#service
    this.#service = undefined
    if (!service) return
    const late = new AbortController()
    await Promise.race([
      service.stop().catch((error: unknown) => this.#ctx.log.error({ err: error }, `${this.name} did not stop cleanly`)),
      pause(STOP_MS, late.signal).then((whole) => whole && this.#ctx.log.error(`${this.name} did not stop within ${STOP_MS} ms`)),
    ])
    late.abort()
  }

  #set(state: NodeState, reason?: unknown): void {
    this.#state = state
    this.#reason = reason === undefined ? undefined : reason instanceof Error ? reason.message : String(reason)
    this.#ctx.onChange(this.report)
  }
}
