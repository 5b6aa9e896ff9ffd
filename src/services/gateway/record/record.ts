// One finished request, for whoever counts or logs it, and its form in Kong's logs. Reference: Kong 2.8, kong.log.serialize.
import type { Exchange } from '../exchange.ts'
import { REDACTED, redactQuery } from './redact.ts'

/** Milliseconds. */
export interface Latencies {
  /** Spent in the gateway before the service was asked. */
  readonly kong: number
  /** Until the head of the service's answer; -1 when it was never asked or never answered. */
  readonly proxy: number
  readonly request: number
}

export class TrafficRecord {
  readonly exchange: Exchange
  /** 499 when the client went away before there was an answer, as nginx counts it. */
  readonly status: number
  /** Bytes on the wire, heads included. */
  readonly requestBytes: number
  readonly responseBytes: number
  readonly latencies: Latencies
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly #secretNames: ReadonlySet<string>
  #json: Record<string, unknown> | undefined

  constructor(exchange: Exchange, responseBytes: number, secretNames: ReadonlySet<string>) {
    const now = performance.now()
    const { received, proxied, answeredAt, head } = exchange
    this.exchange = exchange
    this.status = head?.status ?? 499
    this.requestBytes = requestBytes(exchange, exchange.sent('content-length'))
    this.responseBytes = responseBytes
    this.startedAt = Math.round(Date.now() - (now - received))
    this.latencies = {
      kong: Math.round((proxied ?? now) - received),
      proxy: proxied === undefined || answeredAt === undefined ? -1 : Math.round(answeredAt - proxied),
      request: Math.round(now - received),
    }
    this.#secretNames = secretNames
  }

  /** The path as the client wrote it, with its query; secret parameters without their values. */
  get uri(): string {
    const { rawPath, query } = this.exchange.target
    return rawPath + redactQuery(query, this.#secretNames)
  }

  /** The record of Kong's log plugins; the same object for all of them. */
  toJSON(): Record<string, unknown> {
    this.#json ??= this.#serialised()
    return this.#json
  }

  #serialised(): Record<string, unknown> {
    const { exchange, uri } = this
    const { client, route, consumer, credentialId, head, tries } = exchange
    const service = exchange.service?.entity
    return {
      request: {
        method: exchange.clientMethod,
        uri,
        url: `${client.scheme}://${withPort(exchange.target.host, client.port)}${uri}`,
        size: this.requestBytes,
        querystring: this.#parameters(),
        headers: this.#headers(exchange.headers.keys().map((key, at) => [key, exchange.headers.valueAt(at)])),
        ...(exchange.tls === undefined ? {} : { tls: exchange.tls }),
      },
      ...(exchange.upstreamUri === undefined ? {} : { upstream_uri: this.#upstreamUri(exchange.upstreamUri) }),
      response: {
        status: this.status,
        size: this.responseBytes,
        headers: head ? this.#headers(head.headers.keys().map((key, at) => [key, head.headers.valueAt(at)])) : {},
      },
      tries: (tries ?? []).map(({ host, port, startedAt, latencyMs, failure, code }) => ({
        ip: host,
        port,
        balancer_start: startedAt,
        balancer_latency: latencyMs,
        ...(failure === undefined ? {} : { state: 'failed', code }),
      })),
      latencies: this.latencies,
      ...(route.entity === undefined ? {} : { route: route.entity }),
      ...(service === undefined ? {} : { service }),
      ...(consumer ? { consumer: { id: consumer.id, username: consumer.username, custom_id: consumer.customId } } : {}),
      ...(credentialId === undefined ? {} : { authenticated_entity: { id: credentialId, consumer_id: consumer?.id } }),
      client_ip: client.address,
      started_at: this.startedAt,
    }
  }

  #upstreamUri(uri: string): string {
    const mark = uri.indexOf('?')
    return mark < 0 ? uri : uri.slice(0, mark) + redactQuery(uri.slice(mark), this.#secretNames)
  }

  #parameters(): Record<string, unknown> {
    const found = new Map<string, string | boolean | (string | boolean)[]>()
    for (const { name, value } of this.exchange.query.entries()) {
      const shown = this.#secretNames.has(name.toLowerCase()) ? REDACTED : (value ?? true)
      const before = found.get(name)
      found.set(name, before === undefined ? shown : Array.isArray(before) ? [...before, shown] : [before, shown])
    }
    return Object.fromEntries(found)
  }

  #headers(lines: Iterable<readonly [string, string]>): Record<string, unknown> {
    const found = new Map<string, string | string[]>()
    for (const [key, value] of lines) {
      const shown = this.#secretNames.has(key) ? REDACTED : value
      const before = found.get(key)
      found.set(key, before === undefined ? shown : Array.isArray(before) ? [...before, shown] : [before, shown])
    }
    return Object.fromEntries(found)
  }
}

function requestBytes({ clientMethod, target, body, sentLines }: Exchange, announced: string | undefined): number {
  // Request line and the empty line at the end.
  let bytes = clientMethod.length + target.rawPath.length + target.query.length + 12 + 2
  for (const part of sentLines) bytes += part.length + 2
  const length = Number(announced ?? Number.NaN)
  return bytes + (Number.isFinite(length) ? length : (body?.length ?? 0))
}

function withPort(host: string, port: number): string {
  return /:\d+$/.test(host) ? host : `${host}:${port}`
}
