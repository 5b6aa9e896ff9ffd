// Services made of services: shares by weight, copies to mirrors, a fallback.

import type { HeaderTable } from '../../header-table.ts'
import { type Answer, GatheredAnswer, PassingAnswer, respond } from '../answer.ts'
import type { ServiceConfig } from '../config/dynamic.ts'
import { type Handle, TEXT } from '../flight.ts'
import { statusRanges } from '../go-http.ts'
import { NO_LIMIT, readBody, TOO_LARGE } from '../request-body.ts'
import { type BuiltService, highest } from './load-balancer.ts'
import { Round } from './round.ts'
import { Sticky } from './sticky.ts'

type Find = (name: string) => BuiltService

export function buildWeighted(config: NonNullable<ServiceConfig['weighted']>, name: string, find: Find): BuiltService {
  const children = config.services.map((child) => ({ ...child, service: find(child.name) }))
  const usable = ({ service }: (typeof children)[number]) => !config.healthCheck || service.available()
  const round = new Round(children.map((child) => ({ value: child, weight: child.weight, available: () => usable(child) })))
  const sticky = config.sticky?.cookie ? new Sticky<(typeof children)[number]>(config.sticky.cookie, name) : undefined
  for (const child of children) sticky?.add(child.name, child)
  const handle: Handle = (flight, answer) => {
    const kept = sticky?.find(flight)
    if (kept && usable(kept)) return kept.service.handle(flight, answer)
    const child = round.next()
    if (!child) return respond(answer, 503, 'no available server\n', TEXT)
    return child.service.handle(flight, sticky ? sticky.mark(answer, child.name) : answer)
  }
  return { handle, available: () => round.available }
}

export function buildHighestRandomWeight(config: NonNullable<ServiceConfig['highestRandomWeight']>, find: Find): BuiltService {
  const children = config.services.map((child) => ({ ...child, service: find(child.name) }))
  const usable = () => children.filter(({ weight, service }) => weight > 0 && (!config.healthCheck || service.available()))
  return {
    handle: (flight, answer) => {
      const child = highest(
        usable(),
        flight.peer,
        (one) => one.name,
        (one) => one.weight,
      )
      if (!child) return respond(answer, 503, 'no available server\n', TEXT)
      return child.service.handle(flight, answer)
    },
    available: () => usable().length > 0,
  }
}

/** Answers of mirrors are read and dropped; what they do wrong does not matter to the client. */
export function buildMirroring(
  config: NonNullable<ServiceConfig['mirroring']>,
  find: Find,
  onFailure: (error: unknown) => void,
): BuiltService {
  const main = find(config.service ?? '')
  const mirrors = config.mirrors.map((mirror) => {
    if (mirror.percent < 0 || mirror.percent > 100) throw new Error('percent must be between 0 and 100')
    return { ...mirror, service: find(mirror.name), count: 0 }
  })
  let total = 0
  const handle: Handle = async (flight, answer) => {
    total++
    const chosen = mirrors.filter((mirror) => {
      if (mirror.count * 100 >= total * mirror.percent) return false
      mirror.count++
      return true
    })
    if (chosen.length === 0 || flight.upgrade) return main.handle(flight, answer)
    let body: Buffer | undefined = Buffer.alloc(0)
    if (config.mirrorBody) {
      const read = await readBody(flight, config.maxBodySize < 0 ? NO_LIMIT : config.maxBodySize)
      body = read === TOO_LARGE ? undefined : read
    }
    // The copies are of what came, whatever the main service's way does to it.
    const copies = body === undefined ? [] : chosen.map((mirror) => ({ mirror, copy: flight.aside({ body }) }))
    for (const { copy } of copies)
      if (!config.mirrorBody) copy.headers.removeWhere((key) => key === 'content-length' || key === 'content-type')
    for (const { mirror, copy } of copies) {
      const dropped = new Dropped()
      Promise.resolve(mirror.service.handle(copy, dropped)).catch(onFailure)
    }
    await main.handle(flight, answer)
  }
  return { handle, available: () => main.available() }
}

class Dropped extends GatheredAnswer {
  override write(): boolean {
    return true
  }
  override abort(): void {
    this.end()
  }
}

export function buildFailover(config: NonNullable<ServiceConfig['failover']>, find: Find): BuiltService {
  const main = find(config.service ?? '')
  const fallback = find(config.fallback ?? '')
  const caught = config.errors?.status && config.errors.status.length > 0 ? statusRanges(config.errors.status) : undefined
  const maxBytes = (config.errors?.maxRequestBodyBytes ?? -1) < 0 ? NO_LIMIT : config.errors!.maxRequestBodyBytes
  const handle: Handle = async (flight, answer) => {
    if (!main.available()) return fallback.handle(flight, answer)
    if (!caught || flight.upgrade) return main.handle(flight, answer)
    if (flight.hasBody && (await readBody(flight, maxBytes)) === TOO_LARGE) return main.handle(flight, answer)
    const again = flight.aside({ body: flight.body ?? Buffer.alloc(0) })
    await main.handle(
      flight,
      new Instead(answer, caught, () => Promise.resolve(fallback.handle(again, answer)).catch(() => answer.abort())),
    )
  }
  return { handle, available: () => main.available() || fallback.available() }
}

/** Drops an answer with one of the statuses, and begins another one in its place. */
class Instead extends PassingAnswer {
  readonly #caught: (status: number) => boolean
  readonly #other: () => void
  #dropped = false
  constructor(next: Answer, caught: (status: number) => boolean, other: () => void) {
    super(next)
    this.#caught = caught
    this.#other = other
  }
  override head(status: number, headers: HeaderTable): void {
    this.#dropped = this.#caught(status)
    if (!this.#dropped) this.next.head(status, headers)
  }
  override write(chunk: Buffer): boolean {
    return this.#dropped ? true : this.next.write(chunk)
  }
  override end(trailers?: readonly [string, string][]): void {
    if (this.#dropped) this.#other()
    else this.next.end(trailers)
  }
  override abort(): void {
    if (this.#dropped) this.#other()
    else this.next.abort()
  }
  override get begun(): boolean {
    return this.#dropped || this.next.begun
  }
}
