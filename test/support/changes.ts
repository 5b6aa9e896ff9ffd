// A subscription to changes that keeps what it is told, for tests.
import type { ChangeMessage, ChangesFeed, Subscribed, SubscribeRequest } from '../../src/services/realtime/changes/feed.ts'

// biome-ignore lint/suspicious/noExplicitAny: messages are asserted on, not computed with
export type Data = any

export interface Listening extends AsyncDisposable {
  readonly messages: readonly { readonly ids: readonly number[]; readonly data: Data; readonly text: string }[]
  /** What the channel was told beside changes: `ok` when the subscription was made anew, else the error. */
  readonly notes: readonly string[]
  readonly subscribed: Subscribed
  /** Waits for the first message that fits. */
  until(fits: (data: Data) => boolean): Promise<Data>
  count(least: number): Promise<void>
  note(fits: (note: string) => boolean): Promise<string>
  close(): Promise<void>
}

export interface ListenOptions {
  readonly role?: string
  readonly claims?: Record<string, unknown>
  readonly deliver?: (message: ChangeMessage) => void | Promise<void>
  readonly within?: number
}

/** What many get is read once. */
const read = new WeakMap<Buffer, { readonly text: string; readonly data: Data }>()

/** Entries get the ids 1, 2, ... */
export async function listenTo(
  feed: ChangesFeed,
  entries: Record<string, unknown> | readonly Record<string, unknown>[],
  { role = 'anon', claims = {}, deliver, within = 30_000 }: ListenOptions = {},
): Promise<Listening> {
  const messages: { ids: readonly number[]; data: Data; text: string }[] = []
  const notes: string[] = []
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of [...waiting]) check()
  }
  const wait = <T>(what: string, look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const check = (): boolean => {
        const found = look()
        if (found === undefined) return false
        clearTimeout(deadline)
        waiting.delete(check)
        resolve(found)
        return true
      }
      const deadline = setTimeout(() => {
        waiting.delete(check)
        reject(
          new Error(
            `${what} did not come; there are ${messages.length} messages, notes ${JSON.stringify(notes)}, last ${messages.at(-1)?.text}`,
          ),
        )
      }, within)
      if (!check()) waiting.add(check)
    })
  const request: SubscribeRequest = {
    topic: 'realtime:test',
    socketId: 'test',
    claims: { role, ...claims },
    role,
    token: '',
    entries: (Array.isArray(entries) ? entries : [entries]).map((raw, index) => ({ entry: { raw }, id: index + 1 })),
    deliver(message) {
      const known = read.get(message.data) ?? { text: message.data.toString(), data: JSON.parse(message.data.toString()) }
      read.set(message.data, known)
      messages.push({ ids: message.ids, ...known })
      wake()
      return deliver?.(message)
    },
    fail(message) {
      notes.push(message)
      wake()
    },
    restored() {
      notes.push('ok')
      wake()
    },
  }
  const subscribed = await feed.subscribe(request)
  return {
    messages,
    notes,
    subscribed,
    until: (fits) => wait('the message', () => messages.find(({ data }) => fits(data))?.data),
    count: (least) => wait(`message ${least}`, () => (messages.length >= least ? true : undefined)).then(() => undefined),
    note: (fits) => wait('the note', () => notes.find(fits)),
    close: () => subscribed.close(),
    [Symbol.asyncDispose]: () => subscribed.close(),
  }
}

/** The refusal of a subscription, in its words. */
export const refusalOf = (feed: ChangesFeed, entries: Record<string, unknown>, options?: ListenOptions): Promise<string> =>
  listenTo(feed, entries, options).then(
    () => 'it was not refused',
    (error: Error) => error.message,
  )

/** Asks until the answer fits. */
export async function eventually<T>(ask: () => Promise<T>, fits: (answer: T) => boolean, within = 30_000): Promise<T> {
  const end = Date.now() + within
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    if (Date.now() > end) throw new Error(`it did not come about; last: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
