// The guides, done as they say: their blocks are run in order in folders of their own, with free ports in the place of the usual ones.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freePort } from '../../src/stack/ports.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Block {
  readonly kind: 'sh' | 'sql' | 'js' | 'json' | 'text'
  readonly text: string
}

/** Fenced blocks, and indented ones, which are shell. */
function blocksOf(page: string): Block[] {
  const lines = readFileSync(join(root, page), 'utf8').split('\n')
  const blocks: { kind: Block['kind']; lines: string[] }[] = []
  let within: 'fence' | 'indent' | undefined
  for (const line of lines) {
    const fence = /^```(\w*)$/.exec(line)
    if (fence && within === 'fence') within = undefined
    else if (fence) {
      blocks.push({ kind: (fence[1] || 'text') as Block['kind'], lines: [] })
      within = 'fence'
    } else if (within === 'fence') blocks.at(-1)!.lines.push(line)
    else if (line.startsWith('    ')) {
      if (within !== 'indent') blocks.push({ kind: 'sh', lines: [] })
      within = 'indent'
      blocks.at(-1)!.lines.push(line.slice(4))
    } else within = undefined
  }
  return blocks.map(({ kind, lines: text }) => ({ kind, text: text.join('\n') }))
}

/** A folder with `plinth` on its PATH and the packages of this checkout, in which shell blocks are run. */
function workplace() {
  const dir = mkdtempSync(join(tmpdir(), 'guide-'))
  const bin = join(dir, '.bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'plinth'), `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/cli.js')}" "$@"\n`, { mode: 0o755 })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  const sh = (script: string, env: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const path = [bin, join(process.execPath, '..'), process.env['PATH']].join(delimiter)
      const child = spawn('sh', ['-euc', script], { cwd: dir, env: { PATH: path, HOME: dir, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
      let out = ''
      let all = ''
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk
        all += chunk
      })
      child.stderr.on('data', (chunk: Buffer) => {
        all += chunk
      })
      child.once('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`exit code ${code} of\n${script}\n\n${all}`))))
    })
  return {
    dir,
    sh,
    async [Symbol.asyncDispose]() {
      await sh('plinth stop --no-backup')
      const data = /"dataDir": ?"([^"]+)"/.exec(readIfThere(join(dir, '.plinth/state.json')))?.[1]
      if (data) rmSync(data, { recursive: true, force: true })
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // no such file: nothing to read
  }
}

test('docs/first-project.md', async () => {
  await using place = workplace()
  const ports = new Map<string, string>()
  for (const usual of ['54321', '54322', '54320', '54323', '54324', '54327', '54329', '8083'])
    ports.set(usual, String(await freePort(new Set([...ports.values()].map(Number)))))
  const here = (text: string): string => text.replace(/\b\d{4,5}\b/g, (number) => ports.get(number) ?? number)
  const shown: string[] = []
  for (const { kind, text } of blocksOf('docs/first-project.md')) {
    if (kind === 'sql') {
      const folder = join(place.dir, 'supabase/migrations')
      writeFileSync(join(folder, readdirSync(folder).sort().at(-1)!), text)
    } else if (kind === 'js')
      writeFileSync(join(place.dir, /`(\w+\.mjs)`/.exec(readFileSync(join(root, 'docs/first-project.md'), 'utf8'))![1]!), here(text))
    else if (text.includes('plinth init')) {
      await place.sh('plinth init')
      const config = join(place.dir, 'supabase/config.toml')
      writeFileSync(config, here(readFileSync(config, 'utf8')))
      shown.push(await place.sh(text.replace('plinth init\n', '')))
    } else shown.push(await place.sh(text))
  }
  const all = shown.join('\n')
  expect(all).toContain(`http://127.0.0.1:${ports.get('54321')}`)
  expect(all).toMatch(/\[ \{ id: 1, body: 'first' \} \]/)
}, 300_000)

test('README.md, the first request', async () => {
  await using place = workplace()
  const ports: Record<string, string> = {}
  for (const name of ['KONG_HTTP_PORT', 'KONG_HTTPS_PORT', 'POSTGRES_PORT', 'POOLER_PROXY_PORT_TRANSACTION'])
    ports[name] = String(await freePort(new Set(Object.values(ports).map(Number))))
  writeFileSync(
    join(place.dir, '.env'),
    Object.entries(ports)
      .map((pair) => `${pair.join('=')}\n`)
      .join(''),
  )
  await place.sh('plinth start')
  const blocks = blocksOf('README.md')
  const from = blocks.findIndex(({ text }) => text.startsWith('eval '))
  const to = blocks.findIndex(({ text }) => text.includes('node notes.mjs'))
  // One shell, as a reader has one terminal.
  const script: string[] = []
  for (const { kind, text } of blocks.slice(from, to + 1)) {
    if (kind === 'sh') script.push(text.replaceAll('npm run --silent plinth --', 'plinth'))
    else writeFileSync(join(place.dir, kind === 'sql' ? 'notes.sql' : 'notes.mjs'), text)
  }
  const out = await place.sh(script.join('\n'))
  expect(out).toContain('"email":"ann@example.com"')
  expect(out).toMatch(/\[ \{ id: 1, body: 'first' \} \]/)
}, 300_000)
