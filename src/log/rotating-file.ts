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

/** Lines are written whole and at once, so that nothing is lost when the process is killed. */
export function openRotatingFile(
  path: string,
  { maxBytes = MAX_BYTES, files = FILES }: { maxBytes?: number; files?: number } = {},
): RotatingFile {
  mkdirSync(dirname(path), { recursive: true })
  const open = () => openSync(path, 'a', 0o600)
  let fd = open()
  let size = fstatSync(fd).size
  const rotate = () => {
    closeSync(fd)
    rmSync(`${path}.${files - 1}`, { force: true })
    for (let index = files - 2; index >= 0; index--) {
      const from = index === 0 ? path : `${path}.${index}`
      if (existsSync(from)) renameSync(from, `${path}.${index + 1}`)
    }
    fd = open()
    size = 0
  }
  return {
    write(line) {
      const bytes = Buffer.byteLength(line)
      if (size > 0 && size + bytes > maxBytes) rotate()
      writeSync(fd, line)
      size += bytes
    },
    close: () => closeSync(fd),
  }
}
