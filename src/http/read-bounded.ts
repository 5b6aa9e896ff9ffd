// The whole of a small answer as text, as long as it stays small.

/** Undefined when there are more than `maxBytes`; the rest is not read, and the stream is destroyed. */
export async function readBounded(stream: AsyncIterable<unknown>, maxBytes: number): Promise<string | undefined> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBytes) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
