import { expect, test } from 'vitest'
import { readMessage } from './broadcasts.ts'

const names = ['topic', 'extension', 'payload', 'event', 'private', 'inserted_at', 'id', 'binary_payload']
const relation = { columns: names.map((name) => ({ name, type: 25, modifier: -1, key: false })) }
const row = (values: Record<string, string | null>) => names.map((name) => (values[name] == null ? null : Buffer.from(values[name])))
const whole = {
  topic: 't',
  extension: 'broadcast',
  payload: '{"a": 1}',
  event: 'e',
  private: 't',
  inserted_at: '2026-01-01 00:00:00',
  id: 'u',
}

test('a row with a JSON payload', () => {
  expect(readMessage(row(whole), relation, { committedAt: 5 })).toEqual({
    topic: 't',
    event: 'e',
    id: 'u',
    private: true,
    payload: Buffer.from('{"a": 1}'),
    binary: false,
    committedAt: 5,
  })
})

test('a row with bytes', () => {
  const bytes = readMessage(row({ ...whole, payload: null, binary_payload: '\\xdeadbeef00ff', private: 'f' }), relation, { committedAt: 5 })
  expect(bytes).toMatchObject({ payload: Buffer.from('deadbeef00ff', 'hex'), binary: true, private: false })
})

test.each(['topic', 'event', 'private', 'inserted_at', 'id', 'payload'])('a row without %s is no message', (name) => {
  expect(readMessage(row({ ...whole, [name]: null }), relation, { committedAt: 5 })).toBeUndefined()
})
