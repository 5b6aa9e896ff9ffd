// Whether a process that was noted down is still that same process: a pid alone may belong to a stranger by now.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface ProcessMark {
  readonly pid: number
  /** When it began, in the system's own words: equal for the same process, different for a later one with its pid. */
  readonly began: string
}

export function markOf(pid: number): ProcessMark | undefined {
  const began = beginningOf(pid)
  return began === undefined ? undefined : { pid, began }
}

export const isRunning = ({ pid, began }: ProcessMark): boolean => beginningOf(pid) === began

function beginningOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // Fields after the command, which may itself hold blanks and brackets; the 22nd of all is the start in ticks since boot.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (fields[0] === 'Z') return undefined
      return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined // no such process
  }
}
