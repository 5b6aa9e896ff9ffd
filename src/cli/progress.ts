// The live status of a start on stderr: on a terminal a block that is redrawn, elsewhere one line per service that is up.
import type { NodeReport } from '../stack/service-node.ts'
import type { Io } from './command.ts'

const MARK: Readonly<Record<NodeReport['state'], string>> = {
  waiting: '·',
  starting: '…',
  started: '…',
  healthy: '✔',
  unhealthy: '✖',
  stopping: '…',
  stopped: '·',
  failed: '✖',
}

export class Progress {
  readonly #io: Io
  readonly #nodes = new Map<string, NodeReport>()
  #drawn = 0
  #live: boolean

  constructor(io: Io) {
    this.#io = io
    this.#live = io.errIsTerminal
  }

  node(report: NodeReport): void {
    this.#nodes.set(report.name, report)
    if (this.#live) this.#redraw()
    else if (report.state === 'healthy' || report.state === 'failed') this.#io.err(`${this.#row(report)}\n`)
  }

  line(text: string): void {
    this.#clear()
    this.#io.err(`${text}\n`)
    if (this.#live) this.#redraw()
  }

  /** The block stays as it is; what follows is printed below it. */
  end(): void {
    this.#live = false
    this.#drawn = 0
  }

  #redraw(): void {
    this.#clear()
    const rows = [...this.#nodes.values()].map((report) => this.#row(report))
    this.#io.err(rows.map((row) => `${row}\n`).join(''))
    this.#drawn = rows.length
  }

  #clear(): void {
    if (this.#drawn > 0) this.#io.err(`\x1b[${this.#drawn}A\x1b[0J`)
    this.#drawn = 0
  }

  #row({ name, state, ms, reason }: NodeReport): string {
    const colour = state === 'healthy' ? 32 : state === 'failed' || state === 'unhealthy' ? 31 : 33
    const mark = this.#io.colours ? `\x1b[${colour}m${MARK[state]}\x1b[39m` : MARK[state]
    const time = state === 'healthy' ? `${(ms / 1000).toFixed(1)} s` : ''
    return `  ${mark} ${name.padEnd(10)} ${state.padEnd(9)} ${time}${reason === undefined ? '' : ` ${reason.split('\n')[0]}`}`.trimEnd()
  }
}
