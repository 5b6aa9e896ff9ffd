// nginx as the peer and as the service behind all of them: a process of its own for either, one worker each, in a folder that goes with it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Running {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** Runs `server` (the inside of a server block) on the port. Undefined where nginx is not installed. */
export async function startNginx(port: number, outside: string, server: string): Promise<Running | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'plinth-bench-nginx-'))
  const file = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`)
  writeFileSync(
    file,
    `daemon off; worker_processes 1; ${process.getuid?.() === 0 ? 'user root; ' : ''}pid ${folder}/nginx.pid; error_log ${folder}/error.log;
     events { worker_connections 8192; }
     http {
       access_log off; client_max_body_size 0; keepalive_requests 100000000; keepalive_timeout 75s; ${temporary.join(' ')}
       ${outside}
       server { listen 127.0.0.1:${port}; ${server} }
     }`,
  )
  const child = spawn('nginx', ['-c', file, '-p', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  const started = await Promise.race([once(child, 'spawn').then(() => true), once(child, 'error').then(() => false)])
  const stop = async () => {
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  if (!started) {
    rmSync(folder, { recursive: true, force: true })
    return undefined
  }
  await listening(port)
  return { pid: workerOf(child.pid!), port, stop }
}

/** The proxy to `upstream` with kept connections, as its manual has it. */
export const startNginxProxy = (port: number, upstream: number): Promise<Running | undefined> =>
  startNginx(
    port,
    `upstream service { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 100000000; }`,
    'location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_request_buffering off; proxy_max_temp_file_size 0; }',
  )

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** Resolves once something listens. */
export async function listening(port: number): Promise<void> {
  for (let left = 400; left > 0; left--) {
    const reached = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (reached) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on port ${port}`)
}

function workerOf(master: number): number {
  const children = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ')
  return Number(children[0])
}
