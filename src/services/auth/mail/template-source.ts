// Where the text of a template comes from: a URL, a file, the variable's own text, or a path under SITE_URL. Texts are kept for a while; when
// a source fails, the last good text serves on, else the default.
import { readFile, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { readBounded } from '../../../http/read-bounded.ts'
import type { Logger } from '../../../log/log.ts'
import { parseTemplate, type Template } from './go-template.ts'

export interface SourceOptions {
  readonly siteUrl: string
  readonly maxAgeMs: number
  readonly retryMs: number
  readonly maxBytes: number
  readonly log: Logger
  readonly now?: () => number
}

const FETCH_TIMEOUT_MS = 5_000

interface Kept {
  readonly template: Template
  readonly at: number
}

/** One template variable. `load` never fails: it falls back on what it has. */
export class TemplateSource {
  readonly #name: string
  readonly #value: string
  readonly #options: SourceOptions
  readonly #fallback: Template
  #kept: Kept | undefined
  #triedAt = Number.NEGATIVE_INFINITY
  #loading: Promise<Template> | undefined

  constructor(name: string, value: string, fallback: string, options: SourceOptions) {
    this.#name = name
    this.#value = value
    this.#options = options
    this.#fallback = parseTemplate(fallback)
  }

  /** Reads the text again when nine tenths of its time are over, or when there is none yet. */
  async renew(): Promise<void> {
    const now = (this.#options.now ?? Date.now)()
    if (this.#kept && now - this.#kept.at < this.#options.maxAgeMs * 0.9) return
    if (now - this.#triedAt >= this.#options.retryMs) await this.#once(now)
  }

  load(): Promise<Template> {
    const now = (this.#options.now ?? Date.now)()
    if (this.#kept && now - this.#kept.at < this.#options.maxAgeMs) return Promise.resolve(this.#kept.template)
    if (now - this.#triedAt < this.#options.retryMs) return Promise.resolve(this.#kept?.template ?? this.#fallback)
    return this.#once(now)
  }

  #once(now: number): Promise<Template> {
    this.#loading ??= this.#read(now).finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #read(now: number): Promise<Template> {
    try {
      const template = parseTemplate(await readSource(this.#value, this.#options))
      this.#kept = { template, at: now }
      return template
    } catch (error) {
      this.#triedAt = now
      this.#options.log.error(
        { err: error, variable: this.#name },
        `the mail template of ${this.#name} cannot be used; ${this.#kept ? 'the last good one' : 'the default one'} is sent`,
      )
      return this.#kept?.template ?? this.#fallback
    }
  }
}

async function readSource(value: string, options: SourceOptions): Promise<string> {
  if (/^https?:\/\//i.test(value)) return fetchText(value, options.maxBytes)
  if (/[<\n]|\{\{/.test(value)) return value
  const path = value.startsWith('file://') ? fileURLToPath(value) : value
  const found = isAbsolute(path) || /^\.{1,2}\//.test(path) ? await stat(path).catch(() => undefined) : undefined
  if (found?.isFile()) {
    if (found.size > options.maxBytes) throw new Error(`the file is larger than ${options.maxBytes} bytes`)
    return readFile(path, 'utf8')
  }
  return fetchText(new URL(value, options.siteUrl).href, options.maxBytes)
}

async function fetchText(url: string, maxBytes: number): Promise<string> {
  const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
  if (statusCode !== 200) {
    await body.dump()
    throw new Error(`${url} answered ${statusCode}`)
  }
  const text = await readBounded(body, maxBytes)
  if (text === undefined) throw new Error(`${url} sent more than ${maxBytes} bytes`)
  return text
}
