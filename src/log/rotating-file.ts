// A log file with a bound: at `maxBytes` it becomes `.1`, the older ones move up, and the oldest goes.
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export interface RotatingFile {
  write(line: string): void
  close(): void
}

const MAX_BYTES = 10 * 1024 * 1024
/** Files in all: the present one and those before it. */
const FILES = 5

/**
 * Lines are written whole and at once, so that nothing is lost when the process is killed. A line that finds no room on the disk is
 * dropped: whoever logs a failure must not fail by it. So is one that comes after the end.
 */
export function openRotatingFile(
  path: string,
  { maxBytes = MAX_BYTES, files = FILES }: { maxBytes?: number; files?: number } = {},
): RotatingFile {
  mkdirSync(dirname(path), { recursive: true })
  const open = () => openSync(path, 'a', 0o600)
  let fd = open()
  let size = fstatSync(fd).size
  let torn = false
  let closed = false
  const rotate = () => {
    rmSync(`${path}.${files - 1}`, { force: true })
    for (let index = files - 2; index >= 0; index--) {
      const from = index === 0 ? path : `${path}.${index}`
      if (existsSync(from)) renameSync(from, `${path}.${index + 1}`)
    }
    const before = fd
    fd = open()
    closeSync(before)
    size = 0
  }
  return {
    write(line) {
      if (closed) return
      const bytes = Buffer.from(torn ? `\n${line}` : line)
      try {
        if (size > 0 && size + bytes.length > maxBytes) rotate()
        const written = writeSync(fd, bytes)
        size += written
        torn = written < bytes.length
      } catch {
        // Full, or gone: the next line is tried again.
      }
    },
    close() {
      if (closed) return
      closed = true
      closeSync(fd)
    },
  }
}
