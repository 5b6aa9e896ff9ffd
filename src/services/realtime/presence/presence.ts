// Who is present on one topic: metas by key, one per channel and key, and the changes that its watchers are told.
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'

/** Whoever tracks: a channel of this process, or the name of one in another instance. */
export type Tracker = object | string

interface Meta {
  readonly ref: string
  /** JSON text of the whole meta. */
  readonly text: string
  /** JSON text of what the client tracked. */
  readonly payload: string
}

/** Diffs to many watchers wait for others, so that a crowd that comes or goes at once is told together. */
const CROWD = 100
const CROWD_WAIT_MS = 50

export class TopicPresence {
  readonly #metas = new Map<string, Map<Tracker, Meta>>()
  readonly #keys = new Map<Tracker, string>()
  readonly #watchers: () => number
  readonly #onDiff: (payload: string) => void
  #joins = new Map<string, string[]>()
  #leaves = new Map<string, string[]>()
  #scheduled = false

  constructor(watchers: () => number, onDiff: (payload: string) => void) {
    this.#watchers = watchers
    this.#onDiff = onDiff
  }

  get empty(): boolean {
    return this.#keys.size === 0
  }

  has(tracker: Tracker): boolean {
    return this.#keys.has(tracker)
  }

  trackedBy(tracker: Tracker): { key: string; ref: string; payload: string } | undefined {
    const key = this.#keys.get(tracker)
    const meta = key === undefined ? undefined : this.#metas.get(key)?.get(tracker)
    return meta && { key: key!, ref: meta.ref, payload: meta.payload }
  }

  /** The trackers, with what they track. */
  *entries(): Iterable<{ tracker: Tracker; key: string; ref: string; payload: string }> {
    for (const [key, metas] of this.#metas) for (const [tracker, { ref, payload }] of metas) yield { tracker, key, ref, payload }
  }

  /** `payload` is the JSON text of an object. False when nothing has changed. */
  track(tracker: Tracker, key: string, payload: string, ref: string = newRef()): boolean {
    // Another instance's tracker that has joined anew while nothing was heard of it.
    const old = this.#keys.get(tracker)
    if (old !== undefined && old !== key) this.leave(tracker)
    const metas = this.#metas.get(key) ?? new Map<Tracker, Meta>()
    const before = metas.get(tracker)
    if (before !== undefined && (before.ref === ref || same(before.payload, payload))) return false
    const meta = { ref, payload, text: metaText(payload, ref, before?.ref) }
    metas.set(tracker, meta)
    this.#metas.set(key, metas)
    this.#keys.set(tracker, key)
    push(this.#joins, key, meta.text)
    if (before !== undefined) push(this.#leaves, key, before.text)
    this.#schedule()
    return true
  }

  /** False when there was nothing. */
  leave(tracker: Tracker): boolean {
    const key = this.#keys.get(tracker)
    if (key === undefined) return false
    this.#keys.delete(tracker)
    const metas = this.#metas.get(key)!
    push(this.#leaves, key, metas.get(tracker)!.text)
    metas.delete(tracker)
    if (metas.size === 0) this.#metas.delete(key)
    this.#schedule()
    return true
  }

  /** The payload of `presence_state`. */
  state(): string {
    const groups = [...this.#metas].map(([key, metas]) =>
      group(
        key,
        [...metas.values()].map(({ text }) => text),
      ),
    )
    return `{${groups.join(',')}}`
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (this.#watchers() < CROWD) setImmediate(() => this.#flush())
    else setTimeout(() => this.#flush(), CROWD_WAIT_MS).unref()
  }

  #flush(): void {
    this.#scheduled = false
    const [joins, leaves] = [this.#joins, this.#leaves]
    this.#joins = new Map()
    this.#leaves = new Map()
    this.#onDiff(`{"joins":${groups(joins)},"leaves":${groups(leaves)}}`)
  }
}

const push = (map: Map<string, string[]>, key: string, text: string): void => {
  const list = map.get(key)
  if (list === undefined) map.set(key, [text])
  else list.push(text)
}
const group = (key: string, metas: readonly string[]): string => `${JSON.stringify(key)}:{"metas":[${metas.join(',')}]}`
const groups = (map: ReadonlyMap<string, readonly string[]>): string => `{${[...map].map(([key, metas]) => group(key, metas)).join(',')}}`

/** Twenty characters, as upstream's. */
const newRef = (): string => randomBytes(15).toString('base64url')

/** The service's own names come last: of two equal ones a reader takes the last. */
function metaText(payload: string, ref: string, before: string | undefined): string {
  const inner = payload.trim().slice(1, -1).trim()
  return `{${inner}${inner === '' ? '' : ','}"phx_ref":"${ref}"${before === undefined ? '' : `,"phx_ref_prev":"${before}"`}}`
}

const same = (a: string, b: string): boolean => a === b || isDeepStrictEqual(JSON.parse(a), JSON.parse(b))
