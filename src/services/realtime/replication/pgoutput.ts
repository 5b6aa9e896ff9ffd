// Reads the messages of Postgres' own output plugin, pgoutput, protocol version 1. Plain bytes in, plain values out.
// Facts: PostgreSQL documentation, "Logical Replication Message Formats".

/** A column's text as bytes; null for NULL; undefined for a stored value that the update did not touch and the log does not hold. */
export type Tuple = readonly (Buffer | null | undefined)[]

export interface RelationColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
  /** Part of the replica identity. */
  readonly key: boolean
}

export interface Relation {
  readonly kind: 'relation'
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** default, nothing, full, index: as in pg_class.relreplident. */
  readonly identity: 'd' | 'n' | 'f' | 'i'
  readonly columns: readonly RelationColumn[]
}

export interface Begin {
  readonly kind: 'begin'
  /** Where the commit lies. */
  readonly lsn: bigint
  /** Milliseconds since 1970; what is finer is cut. */
  readonly committedAt: number
  readonly xid: number
}

export interface Commit {
  readonly kind: 'commit'
  readonly lsn: bigint
  readonly endLsn: bigint
}

export interface Insert {
  readonly kind: 'insert'
  readonly relation: number
  readonly row: Tuple
}

export interface Update {
  readonly kind: 'update'
  readonly relation: number
  readonly row: Tuple
  /** `key`: columns of the identity, the rest null. `full`: the whole old row. Absent where the key did not change. */
  readonly old?: Tuple
  readonly oldIs?: 'key' | 'full'
}

export interface Delete {
  readonly kind: 'delete'
  readonly relation: number
  readonly old: Tuple
  readonly oldIs: 'key' | 'full'
}

export interface Truncate {
  readonly kind: 'truncate'
  readonly relations: readonly number[]
  readonly cascade: boolean
  readonly restartIdentity: boolean
}

export interface Origin {
  readonly kind: 'origin'
  readonly lsn: bigint
  readonly name: string
}

export interface TypeMessage {
  readonly kind: 'type'
  readonly oid: number
  readonly schema: string
  readonly name: string
}

/** What pg_logical_emit_message wrote. */
export interface LogicalMessage {
  readonly kind: 'message'
  readonly transactional: boolean
  readonly lsn: bigint
  readonly prefix: string
  readonly content: Buffer
}

export type Change = Insert | Update | Delete
export type PgoutputMessage = Relation | Begin | Commit | Change | Truncate | Origin | TypeMessage | LogicalMessage

/** 2000-01-01 in milliseconds since 1970. */
const POSTGRES_EPOCH = 946_684_800_000
const KINDS: Readonly<Record<number, Change['kind']>> = { 73: 'insert', 85: 'update', 68: 'delete' }

/** The relation of a message that holds a row, without reading the row; undefined for every other message. */
export function rowOf(body: Buffer): { readonly kind: Change['kind']; readonly relation: number } | undefined {
  const kind = KINDS[body[0]!]
  return kind === undefined || body.length < 5 ? undefined : { kind, relation: body.readUInt32BE(1) }
}

/** Values are views of `body`. Throws RangeError for what is cut short, SyntaxError for what it does not know. */
export function readPgoutput(body: Buffer): PgoutputMessage {
  const reader = new Reader(body)
  const message = read(reader)
  if (reader.at !== body.length) throw new SyntaxError('Cannot read the change stream: a message is longer than it says')
  return message
}

function read(reader: Reader): PgoutputMessage {
  const code = reader.byte()
  switch (code) {
    case 0x42:
      return { kind: 'begin', lsn: reader.int64(), committedAt: reader.time(), xid: reader.uint32() }
    case 0x43: {
      reader.byte()
      const commit = { kind: 'commit', lsn: reader.int64(), endLsn: reader.int64() } as const
      reader.time()
      return commit
    }
    case 0x4f:
      return { kind: 'origin', lsn: reader.int64(), name: reader.text() }
    case 0x52:
      return readRelation(reader)
    case 0x59:
      return { kind: 'type', oid: reader.uint32(), schema: reader.text() || 'pg_catalog', name: reader.text() }
    case 0x49: {
      const relation = reader.uint32()
      reader.expect(0x4e)
      return { kind: 'insert', relation, row: reader.tuple() }
    }
    case 0x55: {
      const relation = reader.uint32()
      const next = reader.byte()
      if (next === 0x4e) return { kind: 'update', relation, row: reader.tuple() }
      const oldIs = identityOf(next)
      const old = reader.tuple()
      reader.expect(0x4e)
      return { kind: 'update', relation, old, oldIs, row: reader.tuple() }
    }
    case 0x44: {
      const relation = reader.uint32()
      const oldIs = identityOf(reader.byte())
      return { kind: 'delete', relation, oldIs, old: reader.tuple() }
    }
    case 0x54: {
      const count = reader.uint32()
      const options = reader.byte()
      reader.need(count * 4)
      const relations = Array.from({ length: count }, () => reader.uint32())
      return { kind: 'truncate', relations, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 }
    }
    case 0x4d: {
      const transactional = (reader.byte() & 1) !== 0
      const lsn = reader.int64()
      const prefix = reader.text()
      return { kind: 'message', transactional, lsn, prefix, content: reader.bytes(reader.uint32()) }
    }
    default:
      throw new SyntaxError(`Cannot read the change stream: unknown message ${code}`)
  }
}

function readRelation(reader: Reader): Relation {
  const oid = reader.uint32()
  const schema = reader.text() || 'pg_catalog'
  const name = reader.text()
  const identity = String.fromCharCode(reader.byte())
  if (identity !== 'd' && identity !== 'n' && identity !== 'f' && identity !== 'i')
    throw new SyntaxError('Cannot read the change stream: unknown replica identity')
  const columns = Array.from({ length: reader.uint16() }, () => {
    const key = (reader.byte() & 1) !== 0
    return { key, name: reader.text(), type: reader.uint32(), modifier: reader.int32() }
  })
  return { kind: 'relation', oid, schema, name, identity, columns }
}

function identityOf(code: number): 'key' | 'full' {
  if (code === 0x4b) return 'key'
  if (code === 0x4f) return 'full'
  throw new SyntaxError('Cannot read the change stream: unknown tuple')
}

class Reader {
  at = 0
  readonly #body: Buffer

  constructor(body: Buffer) {
    this.#body = body
  }

  need(size: number): void {
    if (size > this.#body.length - this.at) throw new RangeError('Cannot read the change stream: a message is cut short')
  }

  byte(): number {
    this.need(1)
    return this.#body[this.at++]!
  }

  expect(code: number): void {
    if (this.byte() !== code) throw new SyntaxError('Cannot read the change stream: unknown tuple')
  }

  uint16(): number {
    this.need(2)
    this.at += 2
    return this.#body.readUInt16BE(this.at - 2)
  }

  uint32(): number {
    this.need(4)
    this.at += 4
    return this.#body.readUInt32BE(this.at - 4)
  }

  int32(): number {
    this.need(4)
    this.at += 4
    return this.#body.readInt32BE(this.at - 4)
  }

  int64(): bigint {
    this.need(8)
    this.at += 8
    return this.#body.readBigUInt64BE(this.at - 8)
  }

  time(): number {
    const micros = BigInt.asIntN(64, this.int64())
    // Division of bigints cuts towards zero; before 2000 that would be the next millisecond.
    return POSTGRES_EPOCH + Number(micros >= 0n ? micros / 1_000n : (micros - 999n) / 1_000n)
  }

  text(): string {
    const end = this.#body.indexOf(0, this.at)
    if (end < 0) throw new RangeError('Cannot read the change stream: a message is cut short')
    const text = this.#body.toString('utf8', this.at, end)
    this.at = end + 1
    return text
  }

  bytes(size: number): Buffer {
    this.need(size)
    this.at += size
    return this.#body.subarray(this.at - size, this.at)
  }

  tuple(): Tuple {
    const count = this.uint16()
    const values: (Buffer | null | undefined)[] = new Array(count)
    for (let index = 0; index < count; index++) {
      const kind = this.byte()
      if (kind === 0x74) values[index] = this.bytes(this.uint32())
      else if (kind === 0x6e) values[index] = null
      else if (kind === 0x75) values[index] = undefined
      else throw new SyntaxError('Cannot read the change stream: unknown value')
    }
    return values
  }
}
