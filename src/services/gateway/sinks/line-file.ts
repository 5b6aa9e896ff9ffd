// Appends lines to a file without making anybody wait: what comes while a write is under way goes with the next. The file is opened for
// each write, so that a rotated one is found again. Lines that a slow or full disk cannot take are counted and dropped.
import { appendFile } from 'node:fs/promises'

const MAX_WAITING_BYTES = 8 * 1024 * 1024

export class LineFile {
  readonly #append: (text: string) => Promise<void>
  readonly #onTrouble: (error: unknown, dropped: number) => void
  #waiting: string[] = []
  #bytes = 0
  #dropped = 0
  #writing: Promise<void> | undefined
  #failing = false

  /** `/dev/stdout` and `/dev/stderr` are the process's own. `onTrouble` is told once until a write succeeds again. */
  constructor(path: string, onTrouble: (error: unknown, dropped: number) => void) {
    this.#append =
      path === '/dev/stdout'
        ? toStream(process.stdout)
        : path === '/dev/stderr'
          ? toStream(process.stderr)
          : (text) => appendFile(path, text)
    this.#onTrouble = onTrouble
  }

  write(line: string): void {
    if (this.#bytes + line.length > MAX_WAITING_BYTES) {
      this.#dropped++
      return
    }
    this.#waiting.push(line)
    this.#bytes += line.length
    this.#writing ??= this.#drain()
  }

  /** Resolves when all that was written so far has been tried. */
  async flush(): Promise<void> {
    await this.#writing
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = `${this.#waiting.join('\n')}\n`
      this.#waiting = []
      this.#bytes = 0
      try {
        await this.#append(text)
        this.#failing = false
      } catch (error) {
        if (!this.#failing) this.#onTrouble(error, this.#dropped)
        this.#failing = true
        this.#dropped = 0
      }
    }
    this.#writing = undefined
  }
}

function toStream(stream: NodeJS.WriteStream): (text: string) => Promise<void> {
  return (text) => new Promise((resolve, reject) => stream.write(text, (error) => (error ? reject(error) : resolve())))
}
