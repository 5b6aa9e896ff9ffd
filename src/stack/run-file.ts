// `.plinth/run.json`: which process runs the stack of this folder. It is the lock against a second start, and survives kill -9 harmlessly.
import { createHash, randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning, markOf, type ProcessMark } from './processes.ts'

export interface Run extends ProcessMark {
  readonly name: string
  readonly form: 'project' | 'self-hosted'
  readonly workDir: string
  /** Where the process listens for `status`, `stop` and `db reset`. */
  readonly socket: string
  /** Port numbers that it holds, for the message that another stack prints. */
  readonly ports: readonly number[]
}

const fileIn = (stateDir: string): string => join(stateDir, 'run.json')

/** The run of this folder, if its process is alive. */
export function currentRun(stateDir: string): Run | undefined {
  return readRun(fileIn(stateDir))
}

/** A run noted in `file`, if its process is alive. */
export function readRun(file: string): Run | undefined {
  try {
    const run = JSON.parse(readFileSync(file, 'utf8')) as Run
    return isRunning(run) ? run : undefined
  } catch {
    return undefined // none, or half written by a process that died at it
  }
}

/** Notes this process as the one that runs the folder's stack; returns what takes the note back, or the run that was there first. */
export function claimRun(stateDir: string, run: Omit<Run, keyof ProcessMark>): { run: Run; release: () => void } | { other: Run } {
  mkdirSync(stateDir, { recursive: true, mode: 0o755 })
  const file = fileIn(stateDir)
  const draft = `${file}.${randomUUID()}`
  const mine: Run = { ...markOf(process.pid)!, ...run }
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 })
  try {
    for (let tries = 0; tries < 3; tries++) {
      try {
        linkSync(draft, file) // fails when the file exists: of two at once, one wins
        return { run: mine, release: () => rmSync(file, { force: true }) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        const other = readRun(file)
        if (other) return { other }
        clearDead(file, draft)
      }
    }
    throw new Error(`Cannot write ${file}: other starts keep coming in between. Try again.`)
  } finally {
    unlinkSync(draft)
  }
}

/** Removes the note of a dead run. Of two that found it one may: else the slower would remove what the quicker has put there since. */
function clearDead(file: string, draft: string): void {
  const text = textOf(file)
  if (text === undefined) return
  const turn = `${file}.over-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
  try {
    linkSync(draft, turn)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (!readRun(turn)) rmSync(turn, { force: true }) // it died at it
    return
  }
  try {
    if (textOf(file) === text && !readRun(file)) rmSync(file, { force: true })
  } finally {
    rmSync(turn, { force: true })
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
