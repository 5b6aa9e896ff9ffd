import { expect, test } from 'vitest'
import { Balancer } from './balancer.ts'

const target = (host: string, weight: number) => ({ host, port: 80, weight })

test('each target gets its share of weight, spread over the round', () => {
  const balancer = new Balancer('u', [target('a', 300), target('b', 100), target('c', 0)])
  const picks = Array.from({ length: 8 }, () => balancer.next()?.host).join('')
  expect(picks).toBe('aabaaaba')
})

test('without weight there is nobody', () => {
  expect(new Balancer('u', [target('a', 0)]).next()).toBeUndefined()
  expect(new Balancer('u', []).next()).toBeUndefined()
})
