import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PgoutputMessage, readPgoutput, rowOf, type Tuple } from './pgoutput.ts'

const text = (value: string): Buffer => Buffer.from(value)
const columnsOfT = [
  { name: 'id', type: 23, modifier: -1, key: true },
  { name: 'v', type: 25, modifier: -1, key: false },
  { name: 'n', type: 1700, modifier: -1, key: false },
  { name: 'm', type: 16584, modifier: -1, key: false },
  { name: 'big', type: 25, modifier: -1, key: false },
]
const columnsOfF = [
  { name: 'a', type: 23, modifier: -1, key: true },
  { name: 'b', type: 25, modifier: -1, key: true },
]

/** As Postgres 17 sent them, with `messages 'true'`. */
const recorded: [name: string, hex: string, message: PgoutputMessage][] = [
  [
    'begin',
    '4200000000015cc4a8000303fbfc9490fb000002e9',
    { kind: 'begin', lsn: 0x15cc4a8n, committedAt: Date.parse('2026-11-24T03:22:19.401Z'), xid: 745 },
  ],
  ['type', '59000040c87075626c6963006d6f6f6400', { kind: 'type', oid: 16584, schema: 'public', name: 'mood' }],
  [
    'relation with a key',
    '52000040cd7075626c69630074006400050169640000000017ffffffff00760000000019ffffffff006e00000006a4ffffffff006d00000040c8ffffffff006269670000000019ffffffff',
    { kind: 'relation', oid: 16589, schema: 'public', name: 't', identity: 'd', columns: columnsOfT },
  ],
  [
    'relation with the full identity',
    '52000040d47075626c696300660066000201610000000017ffffffff01620000000019ffffffff',
    { kind: 'relation', oid: 16596, schema: 'public', name: 'f', identity: 'f', columns: columnsOfF },
  ],
  [
    'insert',
    `49000040cd4e00057400000001317400000002c3bc7400000004312e35307400000005686170707974000009c4${'7a'.repeat(2_500)}`,
    { kind: 'insert', relation: 16589, row: ['1', 'ü', '1.50', 'happy', 'z'.repeat(2_500)].map(text) },
  ],
  [
    'update that leaves the key and a stored value alone',
    '55000040cd4e00057400000001316e7400000004312e35307400000005686170707975',
    { kind: 'update', relation: 16589, row: [text('1'), null, text('1.50'), text('happy'), undefined] },
  ],
  [
    'update of the key',
    '55000040cd4b00057400000001316e6e6e6e4e00057400000001326e7400000004312e35307400000005686170707975',
    {
      kind: 'update',
      relation: 16589,
      old: [text('1'), null, null, null, null],
      oldIs: 'key',
      row: [text('2'), null, text('1.50'), text('happy'), undefined],
    },
  ],
  [
    'update with the full identity',
    '55000040d44f000274000000013174000000004e0002740000000131740000000163',
    { kind: 'update', relation: 16596, old: [text('1'), text('')], oldIs: 'full', row: [text('1'), text('c')] },
  ],
  [
    'delete with the full identity',
    '44000040d44f0002740000000131740000000163',
    { kind: 'delete', relation: 16596, oldIs: 'full', old: [text('1'), text('c')] },
  ],
  [
    'delete by the key',
    '44000040cd4b00057400000001326e6e6e6e',
    { kind: 'delete', relation: 16589, oldIs: 'key', old: [text('2'), null, null, null, null] },
  ],
  ['truncate', '540000000203000040cd000040d4', { kind: 'truncate', relations: [16589, 16596], cascade: true, restartIdentity: true }],
  ['commit', '430000000000015cdd4800000000015cdf88000303fbfc94ac09', { kind: 'commit', lsn: 0x15cdd48n, endLsn: 0x15cdf88n }],
  [
    'message outside of a transaction',
    '4d0000000000015ce0506e6f77000000000178',
    { kind: 'message', transactional: false, lsn: 0x15ce050n, prefix: 'now', content: text('x') },
  ],
  [
    'message of a transaction',
    '4d0100000000015ce0007072650000000007636f6e74656e74',
    { kind: 'message', transactional: true, lsn: 0x15ce000n, prefix: 'pre', content: text('content') },
  ],
  [
    'begin of a transaction from elsewhere, at the time of its origin',
    '4200000000015ce3280002b582c479f240000002ef',
    { kind: 'begin', lsn: 0x15ce328n, committedAt: Date.parse('2024-02-29T12:00:00.123Z'), xid: 751 },
  ],
  ['origin', '4f00000000000000ab656c7365776865726500', { kind: 'origin', lsn: 0xabn, name: 'elsewhere' }],
]

test.each(recorded)('readPgoutput() reads a recorded %s', (_, hex, message) => {
  expect(readPgoutput(Buffer.from(hex, 'hex'))).toEqual(message)
})

test.each(recorded)('readPgoutput() refuses a %s that is cut short anywhere', (_, hex) => {
  const body = Buffer.from(hex, 'hex')
  for (let length = 0; length < Math.min(body.length, 200); length++)
    expect(() => readPgoutput(body.subarray(0, length))).toThrow(/^Cannot read the change stream/)
})

test('rowOf() knows rows by their first bytes', () => {
  expect(recorded.map(([, hex]) => rowOf(Buffer.from(hex, 'hex'))).filter(Boolean)).toEqual([
    { kind: 'insert', relation: 16589 },
    { kind: 'update', relation: 16589 },
    { kind: 'update', relation: 16589 },
    { kind: 'update', relation: 16596 },
    { kind: 'delete', relation: 16596 },
    { kind: 'delete', relation: 16589 },
  ])
})

test('a commit before 2000 is cut downwards, too', () => {
  const body = Buffer.from('4200000000015cc4a8ffffffffffffffff000002e9', 'hex')
  expect(readPgoutput(body)).toMatchObject({ committedAt: Date.parse('1999-12-31T23:59:59.999Z') })
})

// A writer of the same format, so that whatever it writes is read back.
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return bytes
}
const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
const cstring = (value: string): Buffer => Buffer.from(`${value}\0`)
const tuple = (values: Tuple): Buffer =>
  Buffer.concat([
    int16(values.length),
    ...values.map((value) =>
      value === null
        ? Buffer.from('n')
        : value === undefined
          ? Buffer.from('u')
          : Buffer.concat([Buffer.from('t'), int32(value.length), value]),
    ),
  ])

function write(message: PgoutputMessage): Buffer {
  const parts: Record<PgoutputMessage['kind'], () => (Buffer | string)[]> = {
    begin: () =>
      message.kind === 'begin'
        ? ['B', int64(message.lsn), int64(BigInt.asUintN(64, BigInt(message.committedAt - 946_684_800_000) * 1_000n)), int32(message.xid)]
        : [],
    commit: () => (message.kind === 'commit' ? ['C', Buffer.alloc(1), int64(message.lsn), int64(message.endLsn), int64(0n)] : []),
    origin: () => (message.kind === 'origin' ? ['O', int64(message.lsn), cstring(message.name)] : []),
    type: () => (message.kind === 'type' ? ['Y', int32(message.oid), cstring(message.schema), cstring(message.name)] : []),
    relation: () =>
      message.kind === 'relation'
        ? [
            'R',
            int32(message.oid),
            cstring(message.schema === 'pg_catalog' ? '' : message.schema),
            cstring(message.name),
            message.identity,
            int16(message.columns.length),
            ...message.columns.flatMap(({ key, name, type, modifier }) => [
              Buffer.from([key ? 1 : 0]),
              cstring(name),
              int32(type),
              int32(modifier),
            ]),
          ]
        : [],
    insert: () => (message.kind === 'insert' ? ['I', int32(message.relation), 'N', tuple(message.row)] : []),
    update: () =>
      message.kind === 'update'
        ? [
            'U',
            int32(message.relation),
            ...(message.old === undefined ? [] : [message.oldIs === 'key' ? 'K' : 'O', tuple(message.old)]),
            'N',
            tuple(message.row),
          ]
        : [],
    delete: () =>
      message.kind === 'delete' ? ['D', int32(message.relation), message.oldIs === 'key' ? 'K' : 'O', tuple(message.old)] : [],
    truncate: () =>
      message.kind === 'truncate'
        ? [
            'T',
            int32(message.relations.length),
            Buffer.from([(message.cascade ? 1 : 0) | (message.restartIdentity ? 2 : 0)]),
            ...message.relations.map(int32),
          ]
        : [],
    message: () =>
      message.kind === 'message'
        ? [
            'M',
            Buffer.from([message.transactional ? 1 : 0]),
            int64(message.lsn),
            cstring(message.prefix),
            int32(message.content.length),
            message.content,
          ]
        : [],
  }
  return Buffer.concat(parts[message.kind]().map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
}

const oid = fc.integer({ min: 1, max: 0xffff_ffff })
const lsn = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => !value.includes('\0'))
const bytes = fc.uint8Array({ maxLength: 60 }).map((value) => Buffer.from(value))
const row = fc.array(fc.oneof(bytes, fc.constant(null), fc.constant(undefined)), { maxLength: 8 })
const oldIs = fc.constantFrom('key' as const, 'full' as const)
const message: fc.Arbitrary<PgoutputMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('begin' as const),
    lsn,
    committedAt: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    xid: fc.integer({ min: 0, max: 0xffff_ffff }),
  }),
  fc.record({ kind: fc.constant('commit' as const), lsn, endLsn: lsn }),
  fc.record({ kind: fc.constant('origin' as const), lsn, name }),
  fc.record({ kind: fc.constant('type' as const), oid, schema: name, name }),
  fc.record({
    kind: fc.constant('relation' as const),
    oid,
    schema: name,
    name,
    identity: fc.constantFrom('d' as const, 'n' as const, 'f' as const, 'i' as const),
    columns: fc.array(fc.record({ name, type: oid, modifier: fc.integer({ min: -1, max: 70_000 }), key: fc.boolean() }), { maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('insert' as const), relation: oid, row }),
  fc.record({ kind: fc.constant('update' as const), relation: oid, row }),
  fc.record({ kind: fc.constant('update' as const), relation: oid, row, old: row, oldIs }),
  fc.record({ kind: fc.constant('delete' as const), relation: oid, old: row, oldIs }),
  fc.record({
    kind: fc.constant('truncate' as const),
    relations: fc.array(oid, { maxLength: 5 }),
    cascade: fc.boolean(),
    restartIdentity: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('message' as const), transactional: fc.boolean(), lsn, prefix: name, content: bytes }),
)

test('readPgoutput() reads whatever is written', () => {
  fc.assert(
    fc.property(message, (given) => {
      expect(readPgoutput(write(given))).toEqual(given)
    }),
  )
})

test('readPgoutput() gives a message or an error of its own for any bytes', () => {
  const known = fc.constantFrom(...'BCORYIUDTM').map((code) => Buffer.from(code))
  fc.assert(
    fc.property(fc.tuple(fc.oneof(known, fc.constant(Buffer.alloc(0))), fc.uint8Array({ maxLength: 80 })), ([code, rest]) => {
      try {
        readPgoutput(Buffer.concat([code, rest]))
      } catch (error) {
        expect((error as Error).message).toMatch(/^Cannot read the change stream/)
      }
    }),
  )
})
