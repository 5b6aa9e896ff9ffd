// A service in a process of its own is reached by the same name, and comes back after a kill.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createStack } from '../src/index.ts'

/** The child process of this one that serves the service. */
function childServing(service: string): number {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return parent === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`serve\0${service}\0`)
      } catch {
        return false // gone meanwhile
      }
    })
  if (found === undefined) throw new Error(`no child process serves ${service}`)
  return Number(found)
}

test('rest and auth in processes of their own answer through the gateway, and a killed one is started again', async () => {
  await using stack = await createStack({
    env: { PLINTH_PROFILE: 'minimal', PLINTH_PROCESSES: 'rest,auth', ENABLE_EMAIL_AUTOCONFIRM: 'true' },
  })
  const headers = { apikey: stack.anonKey }
  const statusOf = async (path: string) => (await fetch(`${stack.url}${path}`, { headers })).status
  expect(await statusOf('/auth/v1/health')).toBe(200)
  expect(await statusOf('/rest/v1/nothing')).toBe(404)
  const before = childServing('rest')
  process.kill(before, 'SIGKILL')
  await expect.poll(() => statusOf('/rest/v1/nothing'), { timeout: 10_000, interval: 20 }).toBeGreaterThanOrEqual(500)
  expect(await statusOf('/auth/v1/health')).toBe(200)
  await expect.poll(() => statusOf('/rest/v1/nothing'), { timeout: 10_000, interval: 50 }).toBe(404)
  expect(childServing('rest')).not.toBe(before)
})
