// The file that keeps the messages over a restart: one JSON record per line, appended; rewritten when most of it is about messages
// that are gone. A line that a crash cut off is dropped.
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'

// Rewriting pays off only when it frees something worth a write.
const MIN_REWRITE_BYTES = 4 * 1024 * 1024

export class Journal<Entry> {
  readonly path: string
  #file: FileHandle
  #size: number

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path
    this.#file = file
    this.#size = size
  }

  /** Opens or makes the file and hands every record in it to `replay`. */
  static async open<Entry>(path: string, replay: (entry: Entry) => void): Promise<Journal<Entry>> {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(path, 'a+', 0o600)
    try {
      const { size } = await file.stat()
      const start = Buffer.alloc(16)
      await file.read(start, 0, 16, 0)
      if (start.toString('latin1').startsWith('SQLite format 3'))
        throw new Error(`MP_DATABASE names a SQLite database (${path}), which this mail catcher does not read. Name a file of its own.`)
      if (size > 0) {
        const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
        for await (const line of lines) {
          const entry = parse<Entry>(line)
          if (entry !== undefined) replay(entry)
        }
        const last = Buffer.alloc(1)
        await file.read(last, 0, 1, size - 1)
        if (last.toString('latin1') !== '\n') await file.write('\n')
      }
      return new Journal<Entry>(path, file, size)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async append(entry: Entry): Promise<void> {
    const line = `${JSON.stringify(entry)}\n`
    await this.#file.appendFile(line)
    this.#size += Buffer.byteLength(line)
  }

  /** Whether a rewrite that keeps `liveBytes` would free more than half of the file. */
  wastes(liveBytes: number): boolean {
    return this.#size > MIN_REWRITE_BYTES && this.#size > liveBytes * 4
  }

  async rewrite(entries: Iterable<Entry>): Promise<void> {
    const next = `${this.path}.next`
    const file = await open(next, 'w', 0o600)
    try {
      let size = 0
      for (const entry of entries) {
        const line = `${JSON.stringify(entry)}\n`
        await file.appendFile(line)
        size += Buffer.byteLength(line)
      }
      await rename(next, this.path)
      await this.#file.close()
      this.#file = file
      this.#size = size
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

function parse<Entry>(line: string): Entry | undefined {
  try {
    return JSON.parse(line) as Entry
  } catch {
    // Only the last record can be half written: appends are whole lines, in order.
    return undefined
  }
}
