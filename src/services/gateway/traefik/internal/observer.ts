// What is told about requests: each one is noted when it begins, and told to the access log and the metrics when it is over.
import type { ClientAnswer } from '../answer.ts'
import type { Flight } from '../flight.ts'
import type { BuiltRoute } from '../plan.ts'

export interface Observation {
  readonly flight: Flight
  readonly answer: ClientAnswer
  readonly route: BuiltRoute | undefined
  readonly startedAt: Date
  readonly durationMs: number
  /** Of all requests on this gateway, from 1. */
  readonly number: number
  /** As the client asked, whatever middlewares did since. */
  readonly asked: { readonly method: string; readonly host: string; readonly path: string; readonly query: string }
}

export interface Watcher {
  open?(flight: Flight): void
  over(observation: Observation): void
}

export class Observer {
  readonly #watchers: readonly Watcher[]
  #requests = 0

  constructor(watchers: readonly Watcher[]) {
    this.#watchers = watchers
  }

  begin(flight: Flight, answer: ClientAnswer, route: BuiltRoute | undefined): void {
    const number = ++this.#requests
    if (this.#watchers.length === 0) return
    const startedAt = new Date()
    const started = performance.now()
    const { method, host, path, query } = flight
    if (route) flight.notes.router = route.name
    for (const watcher of this.#watchers) watcher.open?.(flight)
    answer.onClose(() => {
      const durationMs = performance.now() - started
      for (const watcher of this.#watchers)
        watcher.over({ flight, answer, route, startedAt, durationMs, number, asked: { method, host, path, query } })
    })
  }
}
