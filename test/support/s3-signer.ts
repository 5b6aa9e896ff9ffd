// Signs requests of the S3 protocol by hand, so that a test can sign one thing and send another.
import { createHash, createHmac } from 'node:crypto'

export interface Signing {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** What is said to be the body's hash: the body's own unless given. */
  readonly payload?: string
  readonly body?: Buffer | string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly region?: string
  readonly at?: Date
  /** Where the client believes to be, if it is not the URL's host. */
  readonly host?: string
}

export interface Signed {
  readonly headers: Record<string, string>
  readonly signature: string
  readonly time: string
  readonly scope: string
  /** Signs a text with the day's key. */
  sign(text: string): string
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
const timeOf = (at: Date): string => `${at.toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`

function keyring({ secretAccessKey, region = 'local', at = new Date() }: Signing) {
  const time = timeOf(at)
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`
  const key = scope.split('/').reduce<Buffer | string>((above, part) => hmac(above, part), `AWS4${secretAccessKey}`)
  return { time, scope, sign: (text: string) => hmac(key, text).toString('hex') }
}

const canonicalQuery = (url: URL): string =>
  [...url.searchParams]
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .sort()
    .join('&')

function signature(
  method: string,
  url: URL,
  query: string,
  headers: Record<string, string>,
  payload: string,
  ring: ReturnType<typeof keyring>,
) {
  const names = Object.keys(headers).sort()
  const head = names.map((name) => `${name}:${headers[name]!.trim()}\n`).join('')
  const text = [method, url.pathname, query, head, names.join(';'), payload].join('\n')
  return ring.sign(`AWS4-HMAC-SHA256\n${ring.time}\n${ring.scope}\n${sha256(text)}`)
}

/** By headers. Everything in `headers` is signed. */
export function signHeaders(signing: Signing): Signed {
  const ring = keyring(signing)
  const url = new URL(signing.url)
  const payload = signing.payload ?? sha256(signing.body ?? '')
  const headers: Record<string, string> = {
    ...signing.headers,
    'x-amz-date': ring.time,
    'x-amz-content-sha256': payload,
    ...(signing.sessionToken && { 'x-amz-security-token': signing.sessionToken }),
  }
  const signed = { host: signing.host ?? url.host, ...headers }
  const found = signature(signing.method, url, canonicalQuery(url), signed, payload, ring)
  const names = Object.keys(signed).sort().join(';')
  headers['authorization'] = `AWS4-HMAC-SHA256 Credential=${signing.accessKeyId}/${ring.scope}, SignedHeaders=${names}, Signature=${found}`
  return { headers, signature: found, ...ring }
}

/** By the query. */
export function signUrl(signing: Signing, seconds = 60): string {
  const ring = keyring(signing)
  const url = new URL(signing.url)
  const headers = { host: signing.host ?? url.host, ...signing.headers }
  const more = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${signing.accessKeyId}/${ring.scope}`,
    'X-Amz-Date': ring.time,
    'X-Amz-Expires': String(seconds),
    'X-Amz-SignedHeaders': Object.keys(headers).sort().join(';'),
    ...(signing.sessionToken && { 'X-Amz-Security-Token': signing.sessionToken }),
  }
  for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value)
  const query = canonicalQuery(url)
  return `${url.origin}${url.pathname}?${query}&X-Amz-Signature=${signature(signing.method, url, query, headers, 'UNSIGNED-PAYLOAD', ring)}`
}

/** The frames of an aws-chunked body; `signed` where its chunks are signed. */
export function frames(data: Buffer, size: number, signed?: Signed, trailer: Readonly<Record<string, string>> = {}): Buffer[] {
  const out: Buffer[] = []
  let previous = signed?.signature ?? ''
  for (let at = 0; ; at += size) {
    const piece = data.subarray(at, at + size)
    let line = piece.length.toString(16)
    if (signed) {
      previous = signed.sign(`AWS4-HMAC-SHA256-PAYLOAD\n${signed.time}\n${signed.scope}\n${previous}\n${sha256('')}\n${sha256(piece)}`)
      line += `;chunk-signature=${previous}`
    }
    const end = piece.length > 0 || Object.keys(trailer).length === 0 ? '\r\n' : ''
    out.push(Buffer.concat([Buffer.from(`${line}\r\n`), piece, Buffer.from(end)]))
    if (piece.length === 0) break
  }
  const fields = Object.entries(trailer).map(([name, value]) => `${name}:${value}`)
  if (fields.length > 0) out.push(Buffer.from(`${fields.join('\r\n')}\r\n\r\n`))
  return out
}
