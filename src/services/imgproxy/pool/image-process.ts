// One child process of the image library: its start, what it says, its end. What to do about an end is the pool's business.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../../log/log.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import type { FromWorker, Job, Outcome, ToWorker } from './messages.ts'

// From source (tests) the built program is what a child can run.
const WORKER = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../../../dist/services/imgproxy/worker/main.js' : '../worker/main.js', import.meta.url),
)

export interface ProcessEvents {
  onReady(): void
  onOutcome(id: number, outcome: Outcome): void
  /** The process is gone; `how` says in what way. Called once. */
  onEnd(how: string): void
}

export class ImageProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>

  constructor(settings: WorkerSettings, log: Logger, events: ProcessEvents) {
    // Node's own threads do the work: one for each job, and some for files and names.
    this.#child = spawn(process.execPath, [WORKER], {
      env: { UV_THREADPOOL_SIZE: String(Math.min(settings.workers + 2, 128)) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream) createInterface({ input: stream }).on('line', (line) => line.trim() !== '' && log.warn(`image library: ${line}`))
    this.#child.on('message', (message: FromWorker) => {
      if ('ready' in message) events.onReady()
      else events.onOutcome(message.id, message.outcome)
    })
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#child.removeAllListeners('message')
        events.onEnd(how)
        resolve()
      }
      this.#child.once('error', (error) => this.#child.pid === undefined && end(error.message))
      this.#child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    })
    this.#tell({ settings })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  begin(id: number, job: Job, seconds: number): void {
    this.#tell({ id, job, seconds })
  }

  /** It holds nothing that would have to be saved. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #tell(message: ToWorker): void {
    // A channel that is gone is told by the end of the process.
    if (this.#child.connected) this.#child.send(message, () => {})
  }
}
