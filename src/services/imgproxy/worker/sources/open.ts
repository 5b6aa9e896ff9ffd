// A source's URL to its bytes, by its scheme.
import type { WorkerSettings } from '../settings.ts'
import { HttpSources } from './http.ts'
import { readLocal } from './local.ts'
import { type Fetched, unreachable, type Wanted } from './source.ts'

export class Sources {
  readonly #settings: WorkerSettings
  readonly #http: HttpSources

  constructor(settings: WorkerSettings) {
    this.#settings = settings
    this.#http = new HttpSources(settings)
  }

  async read(url: string, wanted: Wanted = {}): Promise<Fetched> {
    const { localRoot, maxBytes } = this.#settings
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase()
    if (scheme === 'http' || scheme === 'https') return this.#http.read(url, wanted)
    if (scheme === 'local' && localRoot !== undefined) return readLocal(url, localRoot, maxBytes, wanted)
    throw unreachable(`there are no sources of the scheme ${scheme ?? '(none)'}`)
  }

  async close(): Promise<void> {
    await this.#http.close()
  }
}
