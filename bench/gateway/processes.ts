// Processes of the measurement: how they start, which port they have, what they cost.
import { fork, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { ended, listening, type Running } from './nginx.ts'

const root = process.env['PLINTH_ROOT'] ?? process.cwd()

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

/** A role of roles.ts; it tells its port by a message. */
export function startRole(self: string, role: string, argument = '', env: NodeJS.ProcessEnv = {}): Promise<Running> {
  return new Promise((resolve, reject) => {
    const child = fork(self, ['--role', role, argument], { env: { ...process.env, ...env } })
    child.once('message', (port) => resolve({ pid: child.pid!, port: Number(port), stop: () => ended(child) }))
    child.once('exit', (code) => reject(new Error(`${role} ended with ${code}`)))
  })
}

/** `plinth serve gateway` with the file. */
export async function startGateway(file: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const port = await freePort()
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'serve', 'gateway'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      KONG_DATABASE: 'off',
      KONG_DECLARATIVE_CONFIG: file,
      KONG_PROXY_LISTEN: `127.0.0.1:${port}`,
      ...env,
    },
  })
  await listening(port)
  return { pid: child.pid!, port, stop: () => ended(child) }
}

/** Seconds of CPU that a process has used so far (Linux). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export const megabytes = (field: 'VmRSS' | 'VmHWM', pid: number): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** Starts to count the peak anew (Linux, for one's own processes). */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
