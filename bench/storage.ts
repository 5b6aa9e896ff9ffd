// Gateway and storage beside what does nothing else, in alternating rounds: downloads beside nginx on the same disk (Debian's, which has
// to be installed), uploads beside a bare Node server, pictures beside bare sharp; what uploads take of memory; lists of a million rows.
// `npm run bench -- storage [ROUNDS]`
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunningStack } from '../src/create-stack.ts'
import { freePort } from '../src/stack/ports.ts'
import { fillBucket, timeLists } from './storage/lists.ts'
import { type Load, type Served, serveLoad } from './storage/load.ts'
import { makePicture, perSecond, RESULT_WIDTH, serveSharp } from './storage/pictures.ts'
import { serveBare, type Uploads, upload } from './storage/uploads.ts'

const SMALL = 4_096
const LARGE = 50_000_000
const CONNECTIONS = 32
const ROUND_MS = 2_000
/** Pictures at once: as many as this machine has cores for. */
const LANES = availableParallelism()

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
  const stack = await createStack({
    env: { PLINTH_SERVICES: 'db,gateway,storage,imgproxy', FILE_SIZE_LIMIT: String(2 * LARGE) },
  })
  const child = (...args: string[]) => fork(fileURLToPath(import.meta.url), args)
  const client = child('load')
  const bare = child('bare', files)
  const bareSharp = child('sharp')
  try {
    const [{ port: barePort }] = (await once(bare, 'message')) as [{ port: number }]
    await prepare(stack, small, large)
    // First, while the process is as small as it gets.
    await memory(client, stack)
    await uploads(client, stack, barePort, rounds)
    await pictures(bareSharp, stack, rounds)
    await lists(stack)
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
    for (const each of [client, bare, bareSharp, nginx]) each.kill()
    await stack.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const authorised = (stack: RunningStack) => ({
  authorization: `Bearer ${stack.serviceRoleKey}`,
  apikey: stack.serviceRoleKey,
  'content-type': 'application/octet-stream',
})

const toStorage = (stack: RunningStack, connections: number, each: number): Uploads => ({
  port: Number(new URL(stack.url).port),
  path: '/storage/v1/object/bench/up-{n}',
  headers: authorised(stack),
  bytes: LARGE,
  connections,
  each,
})

async function memory(client: ChildProcess, stack: RunningStack): Promise<void> {
  await tell<number>(client, { upload: toStorage(stack, 2, 2) })
  globalThis.gc?.()
  const idle = process.memoryUsage().rss
  let peak = idle
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 20)
  await tell<number>(client, { upload: toStorage(stack, 20, 2) })
  clearInterval(timer)
  console.log(`memory: ${((peak - idle) / 1e6).toFixed(0)} MB over idle (${(idle / 1e6).toFixed(0)} MB) with 20 uploads of 50 MB at once`)
}

async function uploads(client: ChildProcess, stack: RunningStack, barePort: number, rounds: number): Promise<void> {
  const here: number[] = []
  const beside: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const wanted = toStorage(stack, 1, 4)
    const bareMb = await tell<number>(client, { upload: { ...wanted, port: barePort } })
    const plinthMb = await tell<number>(client, { upload: wanted })
    if (round === 0) continue
    beside.push(bareMb)
    here.push(plinthMb)
  }
  console.log(
    `50 MB uploads: bare ${median(beside).toFixed(0)} MB/s, gateway and storage ${median(here).toFixed(0)} MB/s: ${(median(here) / median(beside)).toFixed(2)}`,
  )
}

async function pictures(bareSharp: ChildProcess, stack: RunningStack, rounds: number): Promise<void> {
  const picture = await makePicture()
  await fetch(`${stack.url}/storage/v1/object/bench/picture.jpg`, {
    method: 'PUT',
    headers: { ...authorised(stack), 'content-type': 'image/jpeg' },
    body: picture as BodyInit,
  })
  const url = `${stack.url}/storage/v1/render/image/public/bench/picture.jpg?width=${RESULT_WIDTH}&resize=contain`
  const render = async () => {
    const answer = await fetch(url, { headers: { accept: 'image/jpeg' } })
    if (answer.status !== 200) throw new Error(`a picture was answered ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  const here: number[] = []
  const beside: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const bare = await tell<number>(bareSharp, { picture: picture.toString('base64'), lanes: LANES, ms: ROUND_MS })
    const plinth = await perSecond(LANES, ROUND_MS, render)
    if (round === 0) continue
    beside.push(bare)
    here.push(plinth)
  }
  console.log(
    `pictures: bare sharp ${median(beside).toFixed(0)}/s, storage and imgproxy ${median(here).toFixed(0)}/s: ${(median(here) / median(beside)).toFixed(2)}`,
  )
}

async function lists(stack: RunningStack): Promise<void> {
  await fillBucket(stack.dbUrl)
  for (const { what, medianMs, p99Ms } of await timeLists(stack, 200))
    console.log(`list of ${what} in a million rows: ${medianMs.toFixed(1)} ms (99 %: ${p99Ms.toFixed(1)} ms)`)
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

function tell<Value>(process: ChildProcess, wanted: object): Promise<Value> {
  return new Promise((resolve, reject) => {
    process.once('message', (answer: { value?: Value; error?: string }) =>
      answer.error === undefined ? resolve(answer.value as Value) : reject(new Error(answer.error)),
    )
    process.send(wanted)
  })
}

const ask = (process: ChildProcess, wanted: Load): Promise<Served> => tell(process, { load: wanted })

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

if (process.argv[2] === 'load') serveLoad(upload)
else if (process.argv[2] === 'bare') serveBare(process.argv[3]!)
else if (process.argv[2] === 'sharp') serveSharp()
else await measure(Number(process.argv[2] ?? 4))
