import { expect, test } from 'vitest'
import { checkPools, POOLS, poolsOf } from './pools.ts'

const nodes = (env: Record<string, string> = {}) => POOLS.map(({ service }) => ({ name: service, kind: service, env }))

test('the pools of the full profile stay within 60 connections', () => {
  expect(POOLS.reduce((sum, { max }) => sum + max, 0)).toBeLessThanOrEqual(60)
  expect(() => checkPools(nodes(), {})).not.toThrow()
})

test.each([
  [{}, 10],
  [{ PGRST_DB_POOL: '25' }, 25],
  [{ PGRST_DB_POOL: '0' }, 10],
])('rest with %j has %i connections', (env, max) => {
  expect(poolsOf([{ name: 'api', kind: 'rest', env }])).toEqual([{ service: 'api', max, setting: 'PGRST_DB_POOL' }])
})

test.each([
  [{ PGRST_DB_POOL: '90' }, {}, 'PGRST_DB_POOL'],
  [{}, { max_connections: '50' }, 'max_connections 50'],
])('an overflow by %j and %j names the settings', (env, settings, words) => {
  expect(() => checkPools(nodes(env), settings)).toThrow(words)
})
