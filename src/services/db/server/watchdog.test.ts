import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { watchOver } from './watchdog.ts'

const endOf = (child: ChildProcess) => once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>

async function sleeper(): Promise<ChildProcess> {
  const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  return child
}

test('watchOver() ends the server when the pipe breaks, as it does when this process dies', async () => {
  const server = await sleeper()
  const watchdog = watchOver(server.pid!, undefined)
  const end = endOf(server)
  watchdog.process.stdin!.destroy()
  expect(await end).toEqual([null, 'SIGINT'])
})

test('watchOver() leaves the server alone when it is dismissed', async () => {
  const server = await sleeper()
  const watchdog = watchOver(server.pid!, undefined)
  const gone = endOf(watchdog.process)
  watchdog.dismiss()
  expect(await gone).toEqual([0, null])
  expect(server.exitCode ?? server.signalCode).toBeNull()
  server.kill('SIGKILL')
})
