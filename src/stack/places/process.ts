// A service in a child process of its own: `plinth serve <kind>` with a channel over which it tells its ports and its health.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { RunningService, ServiceContext } from '../../service/definition.ts'
import type { NodeDescription } from '../description.ts'

export type ToChild = { readonly ask: 'health'; readonly id: number }
export type FromChild =
  | { readonly listening: readonly { readonly endpoint: number; readonly port: number }[] }
  | { readonly health: number; readonly error?: string }

const STOP_MS = 5_000
// From source (tests) the built program is what a child can run.
const program = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../../dist/cli.js' : '../../cli.js', import.meta.url))

/** Starts the child and announces its ports under the node's names. Rejects with its last words when it ends before it listens. */
export async function startProcess(node: NodeDescription, ctx: ServiceContext): Promise<RunningService> {
  const child = spawn(process.execPath, [program, 'serve', node.kind, '--managed'], {
    env: { ...node.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const lastWords = relayOutput(child, ctx)
  const ports = await listeningPorts(child, lastWords, ctx.signal)
  const names = [node.name, ...node.aliases]
  const withdraw = ports.map(({ endpoint, port }) => ctx.dispatcher.registerAddress(names, endpoint, `http://127.0.0.1:${port}`))
  let asked = 0
  return {
    endpoints: [],
    ended: new Promise((resolve) => child.once('exit', () => resolve())),
    health: () => {
      if (child.exitCode !== null || child.signalCode !== null)
        return Promise.reject(new Error(`its process has ended (${child.signalCode ?? `exit code ${child.exitCode}`})`))
      const id = ++asked
      return new Promise((resolve, reject) => {
        const answer = (message: FromChild) => {
          if (!('health' in message) || message.health !== id) return
          child.off('message', answer)
          if (message.error === undefined) resolve()
          else reject(new Error(message.error))
        }
        child.on('message', answer)
        child.send({ ask: 'health', id } satisfies ToChild, (error) => error && reject(error))
      })
    },
    async stop() {
      for (const take of withdraw) take()
      await endProcess(child)
    },
  }
}

/** Logs what the child writes; returns what gives its last words. */
export function relayOutput(child: Pick<ChildProcess, 'stdout' | 'stderr'>, ctx: Pick<ServiceContext, 'log'>): () => string {
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      tail = (tail + text).slice(-4_000)
    })
    // Whole lines: half a record would be a line of its own.
    if (stream) createInterface({ input: stream }).on('line', (line) => line.trim() !== '' && relayLine(line, ctx))
  }
  return () => tail.trim()
}

function relayLine(line: string, ctx: Pick<ServiceContext, 'log'>): void {
  try {
    const { level, msg, time: _, service: __, ...rest } = JSON.parse(line) as Record<string, unknown>
    const write = level === 'error' ? 'error' : level === 'warn' ? 'warn' : level === 'debug' ? 'debug' : 'info'
    ctx.log[write](rest, String(msg ?? ''))
  } catch {
    // Not one of our records: what a library wrote on its own.
    ctx.log.info(line)
  }
}

function listeningPorts(
  child: ChildProcess,
  lastWords: () => string,
  signal: AbortSignal,
): Promise<readonly { endpoint: number; port: number }[]> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      child.off('message', onMessage)
      child.off('exit', onExit)
      child.off('error', onError)
      signal.removeEventListener('abort', onAbort)
      act()
    }
    const onMessage = (message: FromChild) => 'listening' in message && settle(() => resolve(message.listening))
    const onExit = (code: number | null, by: NodeJS.Signals | null) =>
      settle(() => reject(new Error(`its process ended (${by ?? `exit code ${code}`}): ${lastWords()}`)))
    const onError = (error: Error) => settle(() => reject(error))
    const onAbort = () => settle(() => void endProcess(child).then(() => reject(signal.reason as Error)))
    child.on('message', onMessage)
    child.once('exit', onExit)
    child.once('error', onError)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}

function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve()
  return new Promise((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
