// Makes a checkout able to run: packages installed, dist/ built, each only when something has changed. Needs only Node and npm.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const at = (...parts) => join(root, ...parts)

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Plinth needs Node 20.19 or newer; this is ${process.versions.node}.`)
  process.exit(1)
}

/** Runs a command in the checkout, its output shown; ends this process with its exit code when it fails. */
export function run(command, args, { env = {}, quiet = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', quiet ? 'ignore' : 'inherit', 'inherit'],
      env: { ...process.env, ...env },
      shell: process.platform === 'win32',
    })
    // npm undoes its work before it ends, which can take longer than the work itself. What it leaves is seen as unfinished next time.
    const pass = (signal) => {
      if (patience) return
      console.error('Stopping ...')
      child.kill(signal)
      stopped = signal === 'SIGINT' ? 130 : 143
      patience = setTimeout(() => child.kill('SIGKILL'), 1000)
    }
    let patience
    let stopped
    process.on('SIGINT', pass).on('SIGTERM', pass)
    child.on('error', (error) => {
      console.error(`Cannot run ${command}: ${error.message}`)
      process.exit(1)
    })
    child.on('exit', (code) => {
      process.off('SIGINT', pass).off('SIGTERM', pass)
      clearTimeout(patience)
      if (code !== 0 || stopped) process.exit(stopped ?? code ?? 1)
      resolve()
    })
  })
}

// What npm installed is described by a lock file of its own; it carries the same versions when nothing is missing.
function installed() {
  const mine = at('node_modules', '.package-lock.json')
  if (!existsSync(mine)) return false
  const versions = (file) =>
    Object.fromEntries(
      Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages)
        .filter(([path, entry]) => path !== '' && !entry.optional)
        .map(([path, { version }]) => [path, version]),
    )
  const wanted = versions(at('package-lock.json'))
  const there = versions(mine)
  return Object.entries(wanted).every(([path, version]) => there[path] === version)
}

function newest(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

function built() {
  const program = at('dist', 'cli.js')
  if (!existsSync(program)) return false
  const made = statSync(program).mtimeMs
  return ['src', 'studio', 'tsconfig.json', 'package.json'].every((path) => !existsSync(at(path)) || newest(at(path)) <= made)
}

/** Installs and builds what is missing, and says so. */
export async function makeReady() {
  if (!installed()) {
    console.error('Installing packages (first start, or the lock file has changed) ...')
    await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'])
  }
  if (!built()) {
    console.error('Building ...')
    await run(process.execPath, [at('scripts', 'build.mjs')])
  }
}
