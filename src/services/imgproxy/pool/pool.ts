// Jobs to the process of the image library: started when first needed, never more jobs at once than configured, ended when idle. When it
// crashes, each job that ran is tried once more alone, so that only the picture that did it fails.
import type { Logger } from '../../../log/log.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import { ImageProcess } from './image-process.ts'
import type { Job, Outcome } from './messages.ts'

export interface PoolOptions {
  readonly settings: WorkerSettings
  /** Jobs that wait at most. */
  readonly queue: number
  /** From the request to its outcome. */
  readonly timeoutMs: number
  readonly idleMs: number
  readonly log: Logger
}

interface Task {
  readonly id: number
  readonly job: Job
  readonly deadline: number
  readonly settle: (outcome: Outcome) => void
  timer: NodeJS.Timeout | undefined
  crashes: number
  settled: boolean
}

/** A job that goes on behind its deadline has this long until its process is ended. */
const OVERTIME_MS = 2_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000
/** Starts that fail one after the other until nobody is kept waiting any more. */
const MOST_FAILED_STARTS = 5

export class ImagePool {
  readonly #options: PoolOptions
  #process: ImageProcess | undefined
  #ready = false
  #running = new Map<number, Task>()
  #queue: Task[] = []
  /** Ran when the process crashed: each of them is tried alone. */
  #suspects: Task[] = []
  #alone = false
  #lastId = 0
  #crashesInARow = 0
  #failedStarts = 0
  #pause: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running.size, waiting: this.#queue.length + this.#suspects.length }
  }

  /** Rejects while the process cannot be started. */
  async health(): Promise<void> {
    if (this.#failedStarts >= MOST_FAILED_STARTS) throw new Error('the process of the image library does not start')
  }

  /** Never rejects. `signal`: the client is gone, and a job that has not begun need not. */
  run(job: Job, signal: AbortSignal): Promise<Outcome> {
    const { settings, queue, timeoutMs } = this.#options
    if (this.#stopped) return Promise.resolve({ kind: 'error', code: 'internal', detail: 'the service is stopping' })
    if (this.#running.size >= settings.workers && this.#queue.length + this.#suspects.length >= queue)
      return Promise.resolve({ kind: 'error', code: 'too_many_requests', detail: 'the queue is full' })
    return new Promise((resolve) => {
      const task: Task = {
        id: ++this.#lastId,
        job,
        deadline: Date.now() + timeoutMs,
        crashes: 0,
        settled: false,
        timer: undefined,
        settle: (outcome) => {
          if (task.settled) return
          task.settled = true
          clearTimeout(task.timer)
          signal.removeEventListener('abort', leave)
          resolve(outcome)
        },
      }
      const leave = (): void => this.#giveUp(task, 'the client is gone')
      task.timer = setTimeout(() => this.#giveUp(task, 'it took too long'), timeoutMs)
      signal.addEventListener('abort', leave, { once: true })
      this.#queue.push(task)
      this.#pump()
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#pause)
    clearTimeout(this.#idle)
    for (const task of [...this.#running.values(), ...this.#suspects, ...this.#queue])
      task.settle({ kind: 'error', code: 'internal', detail: 'the service is stopping' })
    this.#queue = []
    this.#suspects = []
    await this.#process?.kill()
  }

  #giveUp(task: Task, detail: string): void {
    task.settle({ kind: 'error', code: 'timeout', detail })
    this.#queue = this.#queue.filter((other) => other !== task)
    this.#suspects = this.#suspects.filter((other) => other !== task)
    if (!this.#running.has(task.id)) return
    // The library is asked to give up by itself; where it cannot, its process is ended, and the others' jobs begin again.
    task.timer = setTimeout(
      () => {
        if (!this.#running.delete(task.id)) return
        this.#options.log.warn('the image library does not come to an end with a picture: its process is ended')
        this.#queue.unshift(...this.#others())
        void this.#process?.kill()
      },
      Math.max(0, task.deadline - Date.now()) + OVERTIME_MS,
    )
  }

  /** The jobs that run, taken from those that a crash would be blamed on. */
  #others(): Task[] {
    const others = [...this.#running.values()].filter(({ settled }) => !settled)
    for (const { timer, settled } of this.#running.values()) if (settled) clearTimeout(timer)
    this.#running.clear()
    return others
  }

  #pump(): void {
    if (this.#stopped) return
    const waiting = this.#queue.length + this.#suspects.length
    if (waiting === 0) {
      if (this.#running.size === 0) this.#endWhenIdle()
      return
    }
    clearTimeout(this.#idle)
    if (!this.#process) this.#startSoon()
    if (!this.#ready || this.#alone) return
    if (this.#suspects.length > 0) {
      if (this.#running.size > 0) return
      this.#alone = true
      this.#begin(this.#suspects.shift()!)
      return
    }
    while (this.#running.size < this.#options.settings.workers && this.#queue.length > 0) this.#begin(this.#queue.shift()!)
  }

  #begin(task: Task): void {
    this.#running.set(task.id, task)
    this.#process!.begin(task.id, task.job, Math.max(1, Math.ceil((task.deadline - Date.now()) / 1_000)))
  }

  #startSoon(): void {
    if (this.#pause) return
    const again = Math.max(this.#crashesInARow - 1, this.#failedStarts)
    const ms = again <= 0 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (again - 1))
    if (ms === 0) this.#start()
    else
      this.#pause = setTimeout(() => {
        this.#pause = undefined
        this.#start()
      }, ms)
  }

  #start(): void {
    const { settings, log } = this.#options
    const begun = performance.now()
    const started: ImageProcess = new ImageProcess(settings, log, {
      onReady: () => {
        log.debug({ ms: Math.round(performance.now() - begun), pid: started.pid }, 'the image library has started')
        this.#ready = true
        this.#failedStarts = 0
        this.#pump()
      },
      onOutcome: (id, outcome) => {
        const task = this.#running.get(id)
        this.#running.delete(id)
        this.#alone = false
        this.#crashesInARow = 0
        if (task?.settled) clearTimeout(task.timer)
        task?.settle(outcome)
        this.#pump()
      },
      onEnd: (how) => this.#ended(how),
    })
    this.#process = started
  }

  #ended(how: string): void {
    const wasReady = this.#ready
    const idle = this.#running.size === 0
    this.#process = undefined
    this.#ready = false
    this.#alone = false
    if (this.#stopped) return
    if (!wasReady) {
      this.#failedStarts++
      this.#options.log.error({ how }, 'the image library did not start')
      if (this.#failedStarts >= MOST_FAILED_STARTS) this.#refuseAll()
    } else if (!idle) {
      this.#crashesInARow++
      this.#options.log.error({ how, jobs: this.#running.size }, 'the process of the image library ended in the middle of its work')
      for (const task of this.#others()) {
        task.crashes++
        if (task.crashes > 1) task.settle({ kind: 'error', code: 'invalid_image', detail: 'the image library crashed on it' })
        else this.#suspects.push(task)
      }
    }
    this.#pump()
  }

  #refuseAll(): void {
    for (const task of [...this.#queue, ...this.#suspects])
      task.settle({ kind: 'error', code: 'internal', detail: 'the image library does not start' })
    this.#queue = []
    this.#suspects = []
  }

  #endWhenIdle(): void {
    clearTimeout(this.#idle)
    if (!this.#process) return
    this.#idle = setTimeout(() => {
      this.#options.log.debug('the image library has nothing to do and ends')
      void this.#process?.kill()
    }, this.#options.idleMs)
  }
}
