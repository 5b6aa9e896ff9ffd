import { describe, expect, test } from 'vitest'
import { readEntries } from './changes.ts'
import { readConfig } from './config.ts'
import { JoinRefused } from './join-refused.ts'

describe('what a join asks for', () => {
  test.each<[unknown, object]>([
    [{}, { legacy: true, private: false, changes: [] }],
    [null, { legacy: true }],
    [{ config: null }, { legacy: false }],
    [{ config: { private: 'TRUE', broadcast: { self: 'False', ack: true } } }, { private: true, self: false, ack: true, invalid: [] }],
    [{ config: { private: 'maybe', presence: 5 } }, { private: false, presenceEnabled: false, invalid: ['presence', 'private'] }],
    [{ config: { presence: { key: '', enabled: 'true' } } }, { presenceKey: undefined, presenceEnabled: true }],
    [{ config: { presence: { key: 7 } } }, { presenceKey: undefined, invalid: ['presence.key'] }],
    [{ config: { postgres_changes: [null, { schema: 'a' }, null] } }, { changes: [{ schema: 'a' }] }],
    [{ config: { postgres_changes: 'all' } }, { changes: [], invalid: ['postgres_changes'] }],
    [{ config: { broadcast: { replay: null } } }, { replay: undefined }],
    [{ access_token: 'a' }, { token: 'a' }],
    [{ access_token: '' }, { token: '' }],
    [{ access_token: 'a', user_token: 'u' }, { token: 'u' }],
    [{ access_token: 'sb_publishable_x', user_token: 'u' }, { token: undefined }],
    [{ access_token: 5 }, { token: undefined }],
    [JSON.parse('{"config":{"__proto__":{"private":true}}}'), { private: false }],
  ])('of %j', (payload, expected) => {
    expect(readConfig(payload)).toMatchObject(expected)
  })
  test.each([{ config: 'x' }, { config: [] }, { config: { broadcast: 5 } }])('a config that is no object is refused: %j', (payload) => {
    expect(() => readConfig(payload)).toThrow(JoinRefused)
  })
})

test('entries are echoed as they came, with their ids', () => {
  const given = [{ event: 'INSERT', schema: 's', table: 5, select: ['a', 1], more: { x: [] } }]
  const { entries, echo } = readEntries(given)
  expect(entries[0]).toEqual({ entry: { event: 'INSERT', schema: 's', raw: given[0] }, id: expect.any(Number) })
  expect(JSON.parse(echo)).toEqual([{ ...given[0], id: entries[0]!.id }])
  expect(() => readEntries(['public'])).toThrow(JoinRefused)
})
