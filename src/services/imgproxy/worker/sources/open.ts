// A source's URL to its bytes, by its scheme.
import type { WorkerSettings } from '../settings.ts'
import { HttpSources } from './http.ts'
import { readLocal } from './local.ts'
import { S3Sources } from './s3.ts'
import { type Fetched, unreachable, type Wanted } from './source.ts'

export class Sources {
  readonly #settings: WorkerSettings
  readonly #http: HttpSources
  readonly #s3: S3Sources

  constructor(settings: WorkerSettings) {
    this.#settings = settings
    this.#http = new HttpSources(settings)
    this.#s3 = new S3Sources(settings)
  }

  async read(url: string, wanted: Wanted = {}): Promise<Fetched> {
    const { localRoot, maxBytes, s3 } = this.#settings
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase()
    if (scheme === 'http' || scheme === 'https') return this.#http.read(url, wanted)
    if (scheme === 'local' && localRoot !== undefined) return readLocal(url, localRoot, maxBytes, wanted)
    if (scheme === 's3' && s3 !== undefined) return this.#s3.read(url, wanted)
    throw unreachable(`there are no sources of the scheme ${scheme ?? '(none)'}`)
  }
}
