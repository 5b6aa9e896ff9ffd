// `plinth serve rest` as a program: spawned from the build with nothing but the given variables, read by its two streams.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Program extends AsyncDisposable {
  readonly out: () => string
  readonly err: () => string
  /** The ports of API and admin server, as the log tells them. */
  url(): Promise<string>
  admin(): Promise<string>
  /** Resolves when the log holds the words (again `times` times). */
  said(words: string, times?: number): Promise<void>
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<number | null>
}

export function runRest(args: readonly string[], variables: Readonly<Record<string, string>> = {}, input?: string): Program {
  const env = { PATH: process.env['PATH'] ?? '', PGRST_SERVER_HOST: '127.0.0.1', PGRST_SERVER_PORT: '0', ...variables }
  const child: ChildProcess = spawn(process.execPath, [cli, 'serve', 'rest', ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  child.stdin!.on('error', () => undefined) // it ended before it read
  child.stdin!.end(input ?? '')
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const said = async (words: string, times = 1) => {
    const counted = () => err.split(words).length - 1
    await expect.poll(() => counted() >= times || child.exitCode !== null, { timeout: 20_000, message: words }).toBe(true)
    if (counted() < times) throw new Error(`it ended with ${child.exitCode} before it said "${words}":\n${err}`)
  }
  const address = async (server: string) => {
    await said(`${server} listening on `)
    return new RegExp(`${server} listening on (\\S+)`).exec(err)![1]!
  }
  return {
    out: () => out,
    err: () => err,
    url: async () => `http://${await address('API server')}`,
    admin: async () => `http://${await address('Admin server')}`,
    said,
    kill: (signal) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
