// A job from its source to its outcome, with the pictures of the configuration that stand in or are laid over.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { ImgproxyError } from '../errors.ts'
import type { Job, Outcome, SourceFacts } from '../pool/messages.ts'
import { render } from './render.ts'
import type { AuxiliaryImage, WorkerSettings } from './settings.ts'
import { Sources } from './sources/open.ts'
import type { Source } from './sources/source.ts'
import type { Watermark } from './watermark.ts'

export class Work {
  readonly #settings: WorkerSettings
  readonly #sources: Sources
  #watermark: Promise<Watermark | undefined> | undefined
  #fallback: Promise<Buffer | undefined> | undefined

  constructor(settings: WorkerSettings) {
    this.#settings = settings
    this.#sources = new Sources(settings)
  }

  async run(job: Job, seconds: number): Promise<Outcome> {
    try {
      return await this.#image(job, seconds)
    } catch (error) {
      if (error instanceof ImgproxyError) return { kind: 'error', code: error.code, detail: error.message }
      return { kind: 'error', code: 'internal', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }
    }
  }

  async #image(job: Job, seconds: number): Promise<Outcome> {
    const read = await this.#read(job)
    if ('unchanged' in read) return { kind: 'unchanged', facts: read.unchanged }
    const { source, fallback } = read
    const { bytes, ...about } = source
    const facts: SourceFacts =
      job.hash && about.etag === undefined ? { ...about, hash: createHash('sha256').update(bytes).digest('base64url') } : about
    if (fallback === undefined && facts.hash !== undefined && facts.hash === job.knownHash) return { kind: 'unchanged', facts }
    const watermark = job.options.watermark ? await this.#watermarkOnce() : undefined
    const result = await render(bytes, job.options, this.#settings, watermark, seconds)
    return { kind: 'image', ...result, facts, fallback }
  }

  async #read({ source, wanted }: Job) {
    try {
      return { fallback: undefined, ...(await this.#sources.read(source, wanted)) }
    } catch (error) {
      if (!this.#settings.fallback || !(error instanceof ImgproxyError)) throw error
      this.#fallback ??= this.#load(this.#settings.fallback)
      const bytes = await this.#fallback
      if (!bytes) throw error
      return { source: { bytes } satisfies Source as Source, fallback: error.code }
    }
  }

  #watermarkOnce(): Promise<Watermark | undefined> {
    this.#watermark ??= this.#loadWatermark()
    return this.#watermark
  }

  async #loadWatermark(): Promise<Watermark | undefined> {
    const bytes = this.#settings.watermark && (await this.#load(this.#settings.watermark))
    return bytes && { bytes, opacity: this.#settings.watermarkOpacity }
  }

  /** What the operator configured is not held to the rules for sources. */
  async #load(image: AuxiliaryImage): Promise<Buffer | undefined> {
    if ('data' in image) return Buffer.from(image.data, 'base64')
    if ('path' in image) return readFile(image.path)
    const read = await this.#sources.read(image.url)
    return 'source' in read ? read.source.bytes : undefined
  }
}
