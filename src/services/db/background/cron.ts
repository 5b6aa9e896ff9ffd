// Runs the jobs of pg_cron when they are due, each as its own user over a connection of its own. Of several instances, the one that holds
// the lock does it.
import type { Client, QueryResult } from 'pg'
import type { Logger } from '../../../log/log.ts'
import type { BackgroundTask, Session } from './connection.ts'
import { parseSchedule, type Schedule } from './cron-schedule.ts'

/** Jobs running at once; the others wait for their turn. */
const MAX_RUNNING = 4
const LOCK = 7_235_419_000_000_000_001n

interface Job {
  readonly jobid: string
  readonly schedule: string
  readonly command: string
  readonly database: string
  readonly username: string
}

interface Planned {
  readonly job: Job
  readonly schedule: Schedule
  /** When a job by seconds is next due, in milliseconds since the epoch. */
  dueAt: number
}

export interface CronOptions {
  /** Opens a connection as the job's user. */
  readonly connectAs: (user: string, database: string) => Promise<Client>
  readonly log: Logger
  /** For tests. */
  readonly now?: () => number
}

export function cronTask({ connectAs, log, now = Date.now }: CronOptions): BackgroundTask {
  let session: Session | undefined
  let leading = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let lastMinute = Math.floor(now() / 60_000)
  let planned = new Map<string, Planned>()
  const running = new Map<string, Client | undefined>()
  const waiting = new Set<string>()

  const wake = async (connection: Session): Promise<void> => {
    if (stopped || !(await exists(connection))) return settle(undefined)
    if (!leading || session !== connection) {
      if (!(await lead(connection))) return settle(undefined)
      leading = true
      lastMinute = Math.floor(now() / 60_000)
    }
    settle(connection)
    plan((await connection.query<Job>('select jobid, schedule, command, database, username from cron.job where active')).rows)
  }

  const settle = (connection: Session | undefined): void => {
    session = connection
    if (connection === undefined) planned.clear()
    arm()
  }

  const plan = (jobs: readonly Job[]): void => {
    const next = new Map<string, Planned>()
    for (const job of jobs) {
      const schedule = parseSchedule(job.schedule)
      if (!schedule) continue
      const before = planned.get(job.jobid)
      const wait = schedule.every === 'seconds' ? schedule.seconds * 1_000 : 0
      next.set(job.jobid, { job, schedule, dueAt: before?.job.schedule === job.schedule ? before.dueAt : now() + wait })
    }
    planned = next
    arm()
  }

  /** One timer, for the moment at which the next job may be due; none where there is no job. */
  const arm = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (stopped || !session || planned.size === 0) return
    let next = (lastMinute + 1) * 60_000
    for (const { schedule, dueAt } of planned.values()) if (schedule.every === 'seconds') next = Math.min(next, dueAt)
    timer = setTimeout(tick, Math.max(next - now(), 1))
  }

  const tick = (): void => {
    const time = now()
    const minute = Math.floor(time / 60_000)
    for (const entry of planned.values()) {
      if (entry.schedule.every === 'seconds') {
        if (time < entry.dueAt) continue
        entry.dueAt = time + entry.schedule.seconds * 1_000
        enqueue(entry.job.jobid)
      } else if (minute > lastMinute && entry.schedule.matches(new Date(minute * 60_000))) enqueue(entry.job.jobid)
    }
    lastMinute = Math.max(lastMinute, minute)
    arm()
  }

  /** A job that is still running is run once more when it ends, however often it was due meanwhile. */
  const enqueue = (jobid: string): void => {
    waiting.add(jobid)
    for (const id of waiting) {
      if (running.size >= MAX_RUNNING) return
      const job = planned.get(id)?.job
      if (job && running.has(id)) continue
      waiting.delete(id)
      if (job) void start(job)
    }
  }

  const start = async (job: Job): Promise<void> => {
    const bookkeeper = session
    if (!bookkeeper) return
    running.set(job.jobid, undefined)
    try {
      await run(bookkeeper, job)
    } catch (error) {
      if (!stopped) log.warn({ err: error as Error, job: job.jobid }, 'a run of pg_cron could not be recorded')
    } finally {
      running.delete(job.jobid)
      const [next] = waiting
      if (next !== undefined && !stopped) enqueue(next)
    }
  }

  const run = async (bookkeeper: Session, job: Job): Promise<void> => {
    const { rows } = await bookkeeper.query<{ runid: string }>(
      `insert into cron.job_run_details (jobid, database, username, command, status, start_time) values ($1, $2, $3, $4, 'starting', clock_timestamp()) returning runid`,
      [job.jobid, job.database, job.username, job.command],
    )
    const end = (status: string, message: string) =>
      bookkeeper.query('update cron.job_run_details set status = $2, return_message = $3, end_time = clock_timestamp() where runid = $1', [
        rows[0]?.runid,
        status,
        message,
      ])
    let connection: Client
    try {
      connection = await connectAs(job.username, job.database)
    } catch (error) {
      await end('failed', `connection failed: ${(error as Error).message}`)
      return
    }
    running.set(job.jobid, connection)
    try {
      await bookkeeper.query(`update cron.job_run_details set status = 'running', job_pid = $2 where runid = $1`, [
        rows[0]?.runid,
        (connection as Client & { processID: number }).processID,
      ])
      await end('succeeded', outcome(await connection.query(job.command)))
    } catch (error) {
      if (!stopped) await end('failed', `ERROR:  ${(error as Error).message}`)
    } finally {
      await connection.end().catch(() => {
        // Ended with the server.
      })
    }
  }

  return {
    channel: 'plinth_cron',
    wake,
    disconnected() {
      leading = false
      settle(undefined)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      waiting.clear()
      // The server rolls back what a job had not committed; the next start records that it was cut off.
      await Promise.all([...running.values()].map((connection) => connection?.end().catch(() => {})))
    },
  }
}

async function exists(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ there: boolean }>(
    `select to_regclass('cron.job') is not null and to_regclass('cron.job_run_details') is not null as there`,
  )
  return rows[0]?.there ?? false
}

async function lead(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [LOCK])
  if (!rows[0]?.got) return false
  await session.query(
    `update cron.job_run_details set status = 'failed', return_message = 'server restarted', end_time = clock_timestamp() where status in ('starting', 'running')`,
  )
  return true
}

/** What upstream writes for a run that succeeded: the number of rows, or the command's own word. */
function outcome(results: QueryResult | QueryResult[]): string {
  const last = Array.isArray(results) ? results.at(-1) : results
  if (!last) return ''
  if (last.fields.length > 0) return `${last.rows.length} row${last.rows.length === 1 ? '' : 's'}`
  return last.rowCount === null
    ? last.command
    : last.command === 'INSERT'
      ? `INSERT 0 ${last.rowCount}`
      : `${last.command} ${last.rowCount}`
}
