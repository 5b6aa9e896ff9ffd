// What downloads cost through gateway and storage, beside nginx serving the same bytes from the same disk, in alternating rounds.
// Needs nginx (Debian's). `npm run bench -- storage [ROUNDS]`
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunningStack } from '../src/create-stack.ts'
import { freePort } from '../src/stack/ports.ts'
import { type Load, type Served, serveLoad } from './storage/load.ts'

const SMALL = 4_096
const LARGE = 50_000_000
const CONNECTIONS = 32
const ROUND_MS = 2_000

async function measure(rounds: number): Promise<void> {
  if (spawnSync('nginx', ['-v']).error) {
    console.log('nginx is not installed: apt-get install nginx')
    process.exitCode = 1
    return
  }

  const folder = mkdtempSync(join(tmpdir(), 'plinth-bench-'))
  const files = join(folder, 'files')
  mkdirSync(files, { recursive: true })
  const small = Buffer.alloc(SMALL, 'a')
  const large = Buffer.alloc(LARGE, 'b')
  writeFileSync(join(files, 'small'), small)
  writeFileSync(join(files, 'large'), large)

  const nginxPort = await freePort(new Set())
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log; events {}
user root;
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
 client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3; uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
 server { listen 127.0.0.1:${nginxPort}; root ${files}; } }`,
  )
  const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'inherit' })
  const { createStack } = (await import(
    join(process.env['PLINTH_ROOT'] ?? process.cwd(), 'dist/index.js')
  )) as typeof import('../src/create-stack.ts')
  const stack = await createStack({ env: { PLINTH_SERVICES: 'db,gateway,storage' } })
  const client = fork(fileURLToPath(import.meta.url), ['load'])
  try {
    await prepare(stack, small, large)
    const port = Number(new URL(stack.url).port)
    const base = '/storage/v1/object/public/bench'
    const sums = { nginx: [] as number[], plinth: [] as number[], nginxMb: [] as number[], plinthMb: [] as number[] }
    for (let round = 0; round <= rounds; round++) {
      const beside = await ask(client, { port: nginxPort, path: '/small', connections: CONNECTIONS, ms: ROUND_MS })
      const here = await ask(client, { port, path: `${base}/small`, connections: CONNECTIONS, ms: ROUND_MS })
      const besideLarge = await ask(client, { port: nginxPort, path: '/large', connections: 2, ms: ROUND_MS })
      const hereLarge = await ask(client, { port, path: `${base}/large`, connections: 2, ms: ROUND_MS })
      // The first round warms up.
      if (round === 0) continue
      sums.nginx.push(beside.perSecond)
      sums.plinth.push(here.perSecond)
      sums.nginxMb.push(besideLarge.megabytesPerSecond)
      sums.plinthMb.push(hereLarge.megabytesPerSecond)
      console.log(
        `4 KB: nginx ${beside.perSecond.toFixed(0)}/s, gateway and storage ${here.perSecond.toFixed(0)}/s; ` +
          `50 MB: nginx ${besideLarge.megabytesPerSecond.toFixed(0)} MB/s, gateway and storage ${hereLarge.megabytesPerSecond.toFixed(0)} MB/s`,
      )
    }
    console.log(`50 MB downloads: ${(median(sums.plinthMb) / median(sums.nginxMb)).toFixed(2)} of nginx`)
    console.log(`ratio ${(median(sums.plinth) / median(sums.nginx)).toFixed(3)}`)
  } finally {
    client.kill()
    nginx.kill()
    await stack.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function prepare(stack: RunningStack, small: Buffer, large: Buffer): Promise<void> {
  const headers = { authorization: `Bearer ${stack.serviceRoleKey}`, apikey: stack.serviceRoleKey }
  const call = async (method: string, path: string, body: string | Buffer, type: string) => {
    const answer = await fetch(`${stack.url}/storage/v1${path}`, {
      method,
      headers: { ...headers, 'content-type': type },
      body: body as BodyInit,
    })
    if (!answer.ok) throw new Error(await answer.text())
  }
  await call('POST', '/bucket', JSON.stringify({ name: 'bench', public: true }), 'application/json')
  await call('POST', '/object/bench/small', small, 'application/octet-stream')
  await call('POST', '/object/bench/large', large, 'application/octet-stream')
}

function ask(process: ChildProcess, wanted: Load): Promise<Served> {
  return new Promise((resolve, reject) => {
    process.once('message', (answer: { served?: Served; error?: string }) =>
      answer.served ? resolve(answer.served) : reject(new Error(answer.error)),
    )
    process.send(wanted)
  })
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

if (process.argv[2] === 'load') serveLoad()
else await measure(Number(process.argv[2] ?? 4))
