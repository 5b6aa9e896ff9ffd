// Nothing lives in modules: two stacks in one process do not meet.
import { expect, test } from 'vitest'
import { createStack } from '../src/index.ts'

test('two stacks run side by side, and one goes on when the other is stopped', async () => {
  const [first, second] = await Promise.all([
    createStack({ env: { PLINTH_PROFILE: 'minimal' } }),
    createStack({ env: { PLINTH_PROFILE: 'minimal' } }),
  ])
  await using _ = second
  try {
    expect(first.url).not.toBe(second.url)
    expect(first.values['JWT_SECRET']).not.toBe(second.values['JWT_SECRET'])
    const crossed = await fetch(`${second.url}/rest/v1/`, { headers: { apikey: first.anonKey } })
    expect(crossed.status).toBe(401)
  } finally {
    await first.stop()
  }
  await expect(fetch(`${first.url}/auth/v1/health`)).rejects.toThrow()
  const answer = await fetch(`${second.url}/auth/v1/health`, { headers: { apikey: second.anonKey } })
  expect(answer.status).toBe(200)
})
