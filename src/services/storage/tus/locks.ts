// One request at a time works on an upload, whichever instance it came to: upstream's advisory locks in Postgres, held by one connection of
// this instance, and upstream's channel on which whoever waits asks the holder to give up.
import type { Lock, Locker, RequestRelease } from '@tus/server'
import pg from 'pg'
import type { Logger } from '../../../log/log.ts'
import { errors } from '../errors.ts'
import { lockKey } from '../objects/names.ts'

const CHANNEL = 'REQUEST_LOCK_RELEASE'
const WAIT_MS = 5_000
const TRY_EVERY_MS = 500

interface Holder {
  /** Asks the request that holds the lock to come to an end. */
  release: RequestRelease
  readonly ended: Promise<void>
  readonly end: () => void
}

export class UploadLocks implements Locker {
  readonly #url: string
  readonly #log: Logger
  readonly #holders = new Map<string, Holder>()
  #client: Promise<pg.Client> | undefined
  #closed = false

  constructor(url: string, log: Logger) {
    this.#url = url
    this.#log = log
  }

  newLock(id: string): Lock {
    let holder: Holder | undefined
    return {
      lock: async (signal, release) => {
        holder = await this.#take(id, signal, release)
      },
      unlock: async () => {
        if (holder) await this.#give(id, holder)
        holder = undefined
      },
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const client = await this.#client?.catch(() => undefined)
    await client?.end().catch(() => undefined)
  }

  /** Throws LockTimeout. */
  async #take(id: string, signal: AbortSignal, release: RequestRelease): Promise<Holder> {
    const deadline = Date.now() + WAIT_MS
    while (!signal.aborted) {
      const here = this.#holders.get(id)
      if (here) {
        await here.release()
        await waited(here.ended, Math.min(TRY_EVERY_MS, deadline - Date.now()))
      } else {
        const holder = makeHolder(release)
        // In this instance it is taken from here on: the connection would give the lock twice.
        this.#holders.set(id, holder)
        if (await this.#tryLock(id).catch((error: unknown) => this.#failed(id, holder, error))) return holder
        this.#drop(id, holder)
        await waited(undefined, Math.min(TRY_EVERY_MS, deadline - Date.now()))
      }
      if (Date.now() >= deadline) break
    }
    throw errors.lockTimeout()
  }

  async #tryLock(id: string): Promise<boolean> {
    const client = await this.#connection()
    const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1::bigint) as held', [lockKey(id)])
    if (rows[0]!.held) return true
    await client.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify({ id })])
    return false
  }

  #failed(id: string, holder: Holder, error: unknown): never {
    this.#drop(id, holder)
    throw error
  }

  async #give(id: string, holder: Holder): Promise<void> {
    try {
      const client = await this.#client
      await client?.query('select pg_advisory_unlock($1::bigint)', [lockKey(id)])
    } catch (error) {
      // The lock went with its connection.
      this.#log.debug({ err: error }, 'a lock of an upload could not be given back')
    } finally {
      this.#drop(id, holder)
    }
  }

  #drop(id: string, holder: Holder): void {
    if (this.#holders.get(id) === holder) this.#holders.delete(id)
    holder.end()
  }

  #connection(): Promise<pg.Client> {
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  async #connect(): Promise<pg.Client> {
    if (this.#closed) throw new Error('the service is stopping')
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'plinth storage upload locks',
      keepAlive: true,
      connectionTimeoutMillis: WAIT_MS,
    })
    const lost = (): void => {
      if (this.#closed || this.#client === undefined) return
      this.#client = undefined
      this.#log.warn('the connection that holds the locks of uploads was lost')
      // Others can take the locks now: whoever works under one stops.
      for (const { release } of this.#holders.values()) void release()
    }
    client.on('error', lost)
    client.on('end', lost)
    client.on('notification', ({ payload }) => void this.#holders.get(idOf(payload))?.release())
    await client.connect()
    await client.query(`listen "${CHANNEL}"`)
    return client
  }
}

function makeHolder(release: RequestRelease): Holder {
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { release, ended, end }
}

function waited(ended: Promise<void> | undefined, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, ms))
    void ended?.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function idOf(payload: string | undefined): string {
  try {
    const { id } = JSON.parse(payload ?? '') as { id?: unknown }
    return typeof id === 'string' ? id : ''
  } catch {
    return '' // somebody else's channel of the same name
  }
}
