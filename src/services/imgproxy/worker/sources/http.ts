// `http(s)://` sources: followed through a bounded number of redirects, each of them as allowed as the first address.

import { PassThrough, type Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { Agent, request } from 'undici'
import { ImgproxyError } from '../../errors.ts'
import { allowedSources } from '../../url/allowed.ts'
import type { WorkerSettings } from '../settings.ts'
import { checkedLookup, refuseSpelledAddress } from './addresses.ts'
import { drop, type Fetched, gather, tooLarge, unreachable, type Wanted } from './source.ts'

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export class HttpSources {
  readonly #settings: WorkerSettings
  readonly #agent: Agent
  readonly #allowed: (source: string) => boolean

  constructor(settings: WorkerSettings) {
    this.#settings = settings
    this.#allowed = allowedSources(settings.allowedSources)
    this.#agent = new Agent({
      connect: {
        lookup: checkedLookup(settings.addresses),
        timeout: settings.downloadTimeoutMs,
        rejectUnauthorized: !settings.ignoreCertificates,
      },
      keepAliveTimeout: settings.keepAliveMs,
      headersTimeout: settings.downloadTimeoutMs,
      bodyTimeout: settings.downloadTimeoutMs,
    })
  }

  async read(source: string, wanted: Wanted): Promise<Fetched> {
    try {
      return await this.#follow(source, wanted, AbortSignal.timeout(this.#settings.downloadTimeoutMs))
    } catch (error) {
      if (error instanceof ImgproxyError) throw error
      throw unreachable(error instanceof Error ? error.message : 'the source cannot be read', error)
    }
  }

  async #follow(source: string, wanted: Wanted, signal: AbortSignal): Promise<Fetched> {
    let url = parse(source)
    for (let hops = 0; ; hops++) {
      refuseSpelledAddress(url, this.#settings.addresses)
      const answer = await request(url, { dispatcher: this.#agent, method: 'GET', headers: this.#headers(wanted), signal })
      const header = (name: string): string | undefined => {
        const value = answer.headers[name]
        return Array.isArray(value) ? value[0] : value
      }
      const about = {
        etag: header('etag'),
        lastModified: header('last-modified'),
        cacheControl: header('cache-control'),
        expires: header('expires'),
      }
      if (answer.statusCode === 200) {
        return { source: { bytes: await this.#body(answer.body, header('content-length'), header('content-encoding')), ...about } }
      }
      await answer.body.dump({ limit: 16_384 }).catch(() => {})
      if (answer.statusCode === 304 && (wanted.etag !== undefined || wanted.modifiedSince !== undefined)) return { unchanged: about }
      const location = header('location')
      if (!REDIRECTS.has(answer.statusCode) || location === undefined) throw refusedWith(answer.statusCode)
      if (hops >= this.#settings.maxRedirects) throw unreachable('there are too many redirects')
      url = parse(location, url)
      if (!this.#allowed(url.href)) throw unreachable('the source redirects to one that is not allowed')
    }
  }

  #headers({ etag, modifiedSince }: Wanted): Record<string, string> {
    return {
      'user-agent': this.#settings.userAgent,
      'accept-encoding': 'identity',
      ...(etag === undefined ? {} : { 'if-none-match': etag }),
      ...(modifiedSince === undefined ? {} : { 'if-modified-since': modifiedSince }),
    }
  }

  async #body(body: Readable, length: string | undefined, encoding: string | undefined): Promise<Buffer> {
    const { maxBytes } = this.#settings
    try {
      if (length !== undefined && Number(length) > maxBytes) throw tooLarge(maxBytes)
      const decoder = decoderFor(encoding)
      if (!decoder) return await gather(body, maxBytes)
      const [, bytes] = await Promise.all([pipeline(body, decoder), gather(decoder, maxBytes)])
      return bytes
    } catch (error) {
      drop(body)
      if (error instanceof ImgproxyError) throw error
      throw new ImgproxyError('broken_download', 'the source ended before its time', { cause: error })
    }
  }
}

/** What the server packed although it was asked not to. */
function decoderFor(encoding: string | undefined): Transform | undefined {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return undefined
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip()
  if (encoding === 'deflate') return createInflate()
  if (encoding === 'br') return createBrotliDecompress()
  return new PassThrough()
}

function parse(location: string, base?: URL): URL {
  if (!URL.canParse(location, base)) throw unreachable('the address of the source is no URL')
  const url = new URL(location, base)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw unreachable('the source redirects to another scheme')
  return url
}

const refusedWith = (status: number): ImgproxyError =>
  status >= 500 ? new ImgproxyError('broken_download', `the source answers ${status}`) : unreachable(`the source answers ${status}`)
