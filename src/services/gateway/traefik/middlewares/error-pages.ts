// Another service's page in the place of an error. Upstream: `errors`.
import { z } from 'zod'
import { HeaderTable } from '../../header-table.ts'
import { type Answer, PassingAnswer } from '../answer.ts'
import { named, texts, whole } from '../config/types.ts'
import type { Flight } from '../flight.ts'
import { statusRanges } from '../go-http.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

export const errorPages = defineMiddleware({
  name: 'errors',
  config: z.object({
    status: texts.default([]),
    statusRewrites: named(whole).default({}),
    service: z.string().default(''),
    query: z.string().default(''),
    errorRequestHeaders: texts.optional(),
  }),
  build({ status, statusRewrites, service, query, errorRequestHeaders }, setup) {
    const page = setup.service(service)
    let caught: (status: number) => boolean
    let rewrites: (readonly [(status: number) => boolean, number])[]
    try {
      caught = statusRanges(status)
      rewrites = Object.entries(statusRewrites).map(([from, to]) => [statusRanges([from]), to] as const)
    } catch (error) {
      throw new MiddlewareError((error as Error).message)
    }
    const pageFlight = (flight: Flight, code: number, original: number): Flight => {
      const url = `${flight.secure ? 'https' : 'http'}://${flight.host}${flight.path}${flight.query}`
      const target = `/${query.replace(/^\//, '')}`
        .replaceAll('{status}', String(code))
        .replaceAll('{originalStatus}', String(original))
        .replaceAll('{url}', encodeURIComponent(url).replaceAll('%20', '+'))
      const mark = target.indexOf('?')
      return flight.aside({
        method: 'GET',
        path: query === '' ? '/' : mark < 0 ? target : target.slice(0, mark),
        query: query === '' || mark < 0 ? '' : target.slice(mark),
        headers: pageHeaders(flight, errorRequestHeaders),
        body: Buffer.alloc(0),
      })
    }
    return (next) => (flight, answer) => {
      const show = (original: number) => {
        const code = rewrites.find(([from]) => from(original))?.[1] ?? original
        Promise.resolve(page(pageFlight(flight, code, original), new EnforcedStatus(answer, code))).catch((error: unknown) => {
          setup.log.error({ err: error, middleware: setup.name }, 'an error page failed inside the gateway')
          answer.abort()
        })
      }
      return next(flight, new Catcher(answer, caught, show))
    }
  },
})

function pageHeaders(flight: Flight, wanted: readonly string[] | undefined): HeaderTable {
  const lines: string[] = []
  const names = wanted && new Set(wanted.map((name) => name.toLowerCase()))
  flight.headers.keys().forEach((key, at) => {
    // The page's request has no body of its own.
    if (key === 'content-length' || key === 'transfer-encoding' || (names && !names.has(key))) return
    lines.push(flight.headers.nameAt(at), flight.headers.valueAt(at))
  })
  return HeaderTable.fromRaw(lines)
}

/** Drops an answer whose status is wanted, and tells its status at its end. */
class Catcher extends PassingAnswer {
  readonly #wanted: (status: number) => boolean
  readonly #show: (status: number) => void
  #caught = 0
  constructor(next: Answer, wanted: (status: number) => boolean, show: (status: number) => void) {
    super(next)
    this.#wanted = wanted
    this.#show = show
  }
  override head(status: number, headers: HeaderTable): void {
    if (status !== 101 && this.#wanted(status)) this.#caught = status
    else this.next.head(status, headers)
  }
  override write(chunk: Buffer): boolean {
    return this.#caught ? true : this.next.write(chunk)
  }
  override end(trailers?: readonly [string, string][]): void {
    if (this.#caught) this.#show(this.#caught)
    else this.next.end(trailers)
  }
  override abort(): void {
    if (this.#caught) this.#show(this.#caught)
    else this.next.abort()
  }
  override get begun(): boolean {
    return this.#caught !== 0 || this.next.begun
  }
}

class EnforcedStatus extends PassingAnswer {
  readonly #status: number
  constructor(next: Answer, status: number) {
    super(next)
    this.#status = status
  }
  override head(_: number, headers: HeaderTable): void {
    this.next.head(this.#status, headers)
  }
}
