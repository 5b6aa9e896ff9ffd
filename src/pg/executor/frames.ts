// The two directions of the wire as plain bytes: cutting what arrives into messages, and building what goes out. No socket here.

/**
 * Called with the message's code and the bounds of its body in `buffer` (the length word left out). `own`: the buffer was made for
 * this message; otherwise it is the chunk that was read, and may be overwritten by the next one.
 */
export type OnFrame = (code: number, buffer: Buffer, start: number, end: number, own: boolean) => void

const HEADER = 5

/** Cuts a stream of chunks into messages. A message that spans chunks is gathered in one buffer of its own, copied once. */
export class FrameReader {
  #partial: Buffer | undefined
  #filled = 0

  feed(chunk: Buffer, onFrame: OnFrame): void {
    let at = 0
    while (this.#partial !== undefined) {
      const partial = this.#partial
      const taken = Math.min(partial.length - this.#filled, chunk.length - at)
      chunk.copy(partial, this.#filled, at, at + taken)
      this.#filled += taken
      at += taken
      if (this.#filled < partial.length) return
      if (partial.length === HEADER) {
        this.#gather(partial, 0, HEADER)
        if (this.#partial !== undefined && this.#filled < (this.#partial as Buffer).length) continue
      }
      const whole = this.#partial as Buffer
      this.#partial = undefined
      onFrame(whole[0]!, whole, HEADER, whole.length, true)
    }
    while (chunk.length - at >= HEADER) {
      const length = 1 + chunk.readInt32BE(at + 1)
      if (length < HEADER) throw new RangeError('Cannot read the server: a message is shorter than its header')
      if (chunk.length - at < length) break
      onFrame(chunk[at]!, chunk, at + HEADER, at + length, false)
      at += length
    }
    if (at < chunk.length) this.#gather(chunk, at, chunk.length)
  }

  /** Starts a buffer for a message of which only a part has come; of its header too, perhaps. */
  #gather(chunk: Buffer, start: number, end: number): void {
    const known = end - start >= HEADER
    const length = known ? 1 + chunk.readInt32BE(start + 1) : HEADER
    if (length < HEADER) throw new RangeError('Cannot read the server: a message is shorter than its header')
    const partial = Buffer.allocUnsafe(length)
    this.#filled = chunk.copy(partial, 0, start, end)
    this.#partial = partial
  }
}

/** A parameter: text (as a string, or as bytes that are passed on untouched), bytes in binary form, or null. */
export type Value = string | Buffer | { readonly binary: Buffer } | null

/** From this size on a parameter's bytes are handed to the socket as they are instead of being copied. */
const APART = 32_768

/** Builds the bytes of one write. */
export class FrameWriter {
  #buffer: Buffer
  #at = 0
  #from = 0
  #parts: Buffer[] = []

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size)
  }

  parse(name: string, text: string): void {
    const frame = this.#open(0x50, name.length + text.length * 3 + 8)
    this.#cstring(name)
    this.#cstring(text)
    this.#int16(0)
    this.#close(frame)
  }

  bind(name: string, values: readonly Value[]): void {
    const count = values.length
    let frame = this.#open(0x42, name.length + 16 + count * 2)
    this.#buffer[this.#at++] = 0
    this.#cstring(name)
    let binary = false
    for (let index = 0; index < count; index++) if (typeof values[index] !== 'string') binary ||= isBinary(values[index]!)
    this.#int16(binary ? count : 0)
    if (binary) for (const value of values) this.#int16(isBinary(value) ? 1 : 0)
    this.#int16(count)
    let apart = 0
    for (const value of values) {
      if (value === null) {
        this.#room(4)
        this.#int32(-1)
        continue
      }
      if (typeof value === 'string') {
        // Three bytes for each character are enough; where they are not at hand, the exact number is counted first.
        if (this.#at + 4 + value.length * 3 > this.#buffer.length) this.#room(4 + Buffer.byteLength(value))
        const written = this.#buffer.write(value, this.#at + 4)
        this.#int32(written)
        this.#at += written
        continue
      }
      const bytes = Buffer.isBuffer(value) ? value : value.binary
      this.#room(4)
      this.#int32(bytes.length)
      if (bytes.length < APART) {
        this.#room(bytes.length)
        this.#at += bytes.copy(this.#buffer, this.#at)
        continue
      }
      // The frame's length word must be right before its buffer is cut, so it is written when the bytes are set apart.
      const length = this.#at - frame + apart
      apart = length + bytes.length
      this.#parts.push(this.#buffer.subarray(this.#from, this.#at), bytes)
      this.#lengthWord ??= { buffer: this.#buffer, at: frame }
      this.#buffer = Buffer.allocUnsafe(1_024)
      this.#at = 0
      this.#from = 0
      frame = 0
    }
    this.#room(2)
    this.#int16(0)
    if (this.#lengthWord !== undefined) {
      this.#lengthWord.buffer.writeInt32BE(this.#at - frame + apart, this.#lengthWord.at)
      this.#lengthWord = undefined
    } else this.#close(frame)
  }
  #lengthWord: { buffer: Buffer; at: number } | undefined

  /** Asks for the columns of the portal just bound. */
  describe(): void {
    const frame = this.#open(0x44, 2)
    this.#buffer[this.#at++] = 0x50
    this.#buffer[this.#at++] = 0
    this.#close(frame)
  }

  execute(): void {
    const frame = this.#open(0x45, 5)
    this.#buffer[this.#at++] = 0
    this.#int32(0)
    this.#close(frame)
  }

  closeStatement(name: string): void {
    const frame = this.#open(0x43, name.length + 2)
    this.#buffer[this.#at++] = 0x53
    this.#cstring(name)
    this.#close(frame)
  }

  sync(): void {
    this.#close(this.#open(0x53, 0))
  }

  /** The bytes in order; the writer is spent afterwards. */
  parts(): readonly Buffer[] {
    if (this.#at > this.#from) this.#parts.push(this.#buffer.subarray(this.#from, this.#at))
    return this.#parts
  }

  #open(code: number, size: number): number {
    this.#room(size + 5)
    this.#buffer[this.#at++] = code
    const frame = this.#at
    this.#at += 4
    return frame
  }

  #close(frame: number): void {
    this.#buffer.writeInt32BE(this.#at - frame, frame)
  }

  #room(size: number): void {
    if (this.#at + size <= this.#buffer.length) return
    const next = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + size))
    this.#buffer.copy(next, 0, 0, this.#at)
    this.#buffer = next
  }

  #int16(value: number): void {
    this.#buffer[this.#at++] = value >> 8
    this.#buffer[this.#at++] = value & 255
  }

  #int32(value: number): void {
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
  }

  /** A zero byte would end the text early and shift what follows, so it never gets here: callers refuse it before. */
  #cstring(text: string): void {
    this.#at += this.#buffer.write(text, this.#at)
    this.#buffer[this.#at++] = 0
  }
}

const isBinary = (value: Value): value is { readonly binary: Buffer } =>
  value !== null && typeof value === 'object' && !Buffer.isBuffer(value)

/** The columns of a DataRow body: views of the bytes as they came, null for NULL. */
export function columnsOf(buffer: Buffer, start: number): (Buffer | null)[] {
  const count = buffer.readUInt16BE(start)
  const columns: (Buffer | null)[] = new Array(count)
  let at = start + 2
  for (let index = 0; index < count; index++) {
    const length = buffer.readInt32BE(at)
    at += 4
    if (length < 0) columns[index] = null
    else {
      columns[index] = buffer.subarray(at, at + length)
      at += length
    }
  }
  return columns
}
