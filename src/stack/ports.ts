// Ports that the stack is going to open: found to be taken before anything starts, with who holds them where that can be known.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import type { PublishedPort } from './description.ts'

export interface TakenPort {
  readonly published: PublishedPort
  /** Another port of this same stack that asks for the same number. */
  readonly twin?: PublishedPort
  readonly pid?: number
  readonly command?: string
}

/** The ports that cannot be opened. Port 0 is always free. */
export async function takenPorts(ports: readonly PublishedPort[]): Promise<TakenPort[]> {
  const taken: TakenPort[] = []
  for (const [index, published] of ports.entries()) {
    if (published.port === 0) continue
    const twin = ports.slice(0, index).find(({ port }) => port === published.port)
    if (twin) taken.push({ published, twin })
    else if (!(await isFree(published.host, published.port))) taken.push({ published, ...holderOf(published.port) })
  }
  return taken
}

/** Whether `host:port` can be listened on now. A server on the wildcard address counts as taking the loopback one. */
export async function isFree(host: string, port: number): Promise<boolean> {
  const hosts = host === '127.0.0.1' || host === 'localhost' ? [host, '0.0.0.0'] : [host]
  for (const candidate of hosts) if (!(await canListen(candidate, port))) return false
  return true
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT'))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** A port that is free on loopback now; `taken` are not given again. */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (;;) {
    const port = await new Promise<number>((resolve, reject) => {
      const server = createServer()
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => {
        const { port: given } = server.address() as { port: number }
        server.close(() => resolve(given))
      })
    })
    if (!taken.has(port)) return port
  }
}

/** Which process listens there: Linux only, and only processes that we may look at. */
function holderOf(port: number): { pid: number; command: string } | Record<string, never> {
  try {
    const inodes = new Set<string>()
    for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
      for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
        const columns = line.trim().split(/\s+/)
        if (columns[3] === '0A' && Number.parseInt(columns[1]!.split(':')[1]!, 16) === port) inodes.add(columns[9]!)
      }
    }
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      if (holdsSocket(pid, inodes)) return { pid: Number(pid), command: commandOf(pid) }
  } catch {
    // No /proc here: the holder stays unknown.
  }
  return {}
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
        return inode !== undefined && inodes.has(inode)
      } catch {
        return false // closed while we looked
      }
    })
  } catch {
    return false // somebody else's process
  }
}

function commandOf(pid: string): string {
  const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  return program.split('/').pop() ?? program
}
