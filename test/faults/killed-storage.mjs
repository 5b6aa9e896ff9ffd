// Storage as a child process that kills itself before a step that its parent has named: a change of the file system, or a write to a
// socket (the database's, or the client's). Started by storage-killed.test.ts; needs dist/.
import { appendFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'

let remaining = Number.POSITIVE_INFINITY
const database = Number(new URL(process.env.DATABASE_URL).port)

function step(name) {
  if (remaining === Number.POSITIVE_INFINITY) return
  appendFileSync(process.env.STEPS_FILE, `${name}\n`)
  remaining--
  if (remaining === 0) process.kill(process.pid, 'SIGKILL')
}

function intercept(object, names, title = (name) => name) {
  for (const name of names) {
    const original = object[name]
    object[name] = function (...args) {
      step(title(name, this, args))
      return original.apply(this, args)
    }
  }
}

const probe = await fs.open(new URL(import.meta.url), 'r')
intercept(Object.getPrototypeOf(probe), ['writev', 'write', 'sync'])
await probe.close()
const changes = ['rename', 'mkdir', 'unlink', 'rmdir', 'rm', 'copyFile', 'writeFile']
intercept(fs, changes)
intercept(fs, ['open'], (name, _, [, flags]) => (flags === 'r' ? 'look' : name))
// What was imported by name follows.
syncBuiltinESMExports()
intercept(Socket.prototype, ['write'], (_, socket) => (socket.remotePort === database ? 'database' : 'client'))

const load = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href)
const [{ storage }, { storageEnv }, { readEnv }, { Dispatcher }, { serveEndpoint }, { silentLog }] = await Promise.all([
  load('services/storage/index.js'),
  load('services/storage/env.js'),
  load('env/read.js'),
  load('http/dispatch.js'),
  load('http/server.js'),
  load('log/log.js'),
])
const service = await storage.start(readEnv(storageEnv, process.env), {
  log: silentLog,
  dispatcher: new Dispatcher(),
  signal: new AbortController().signal,
})
const server = await serveEndpoint(service.endpoints[0], '127.0.0.1', 0)
process.on('message', (message) => {
  remaining = message.before
  process.send({ armed: true })
})
// The parent is gone, and nobody else would end this.
process.on('disconnect', () => process.exit())
process.send({ port: server.port })
