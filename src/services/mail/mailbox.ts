// The messages. Every change is one record: written to the journal if there is one, then applied, in order. Bounded in number and bytes.
import { randomInt } from 'node:crypto'
import { Journal } from './journal.ts'
import type { Address } from './letter.ts'
import { uniqueTags } from './tags.ts'

/** One row of a list, in the wire shape of upstream's API. */
export interface Summary {
  readonly ID: string
  readonly MessageID: string
  readonly Read: boolean
  readonly From: Address
  readonly To: readonly Address[]
  readonly Cc: readonly Address[]
  readonly Bcc: readonly Address[]
  readonly ReplyTo: readonly Address[]
  readonly Subject: string
  readonly Created: string
  readonly Username: string
  readonly Tags: readonly string[]
  readonly Size: number
  readonly Attachments: number
  readonly Snippet: string
}

export interface StoredMessage {
  readonly summary: Summary
  /** Milliseconds; the order of lists. */
  readonly created: number
  /** Number of parts shown within the HTML. */
  readonly inline: number
  readonly searchText: string
  readonly raw: Buffer
}

type Change =
  | { readonly put: Omit<StoredMessage, 'raw'> & { readonly raw: string } }
  | { readonly drop: readonly string[] }
  | { readonly clear: true }
  | { readonly read: readonly string[]; readonly value: boolean }
  | { readonly tag: readonly string[]; readonly tags: readonly string[] }

export interface MailboxOptions {
  readonly file?: string | undefined
  /** 0 is no limit. */
  readonly maxMessages: number
  readonly maxBytes: number
}

// Go's shortuuid: no characters that look alike.
const ID_ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
export function newId(): string {
  return Array.from({ length: 22 }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join('')
}

export class Mailbox {
  readonly #options: MailboxOptions
  /** Oldest first. */
  #messages: StoredMessage[] = []
  readonly #byId = new Map<string, StoredMessage>()
  #bytes = 0
  #deleted = 0
  #journal: Journal<Change> | undefined
  #queue: Promise<void> = Promise.resolve()
  readonly #listeners = new Set<() => void>()

  private constructor(options: MailboxOptions) {
    this.#options = options
  }

  static async open(options: MailboxOptions): Promise<Mailbox> {
    const mailbox = new Mailbox(options)
    if (options.file !== undefined) mailbox.#journal = await Journal.open<Change>(options.file, (change) => mailbox.#apply(change))
    mailbox.#deleted = 0
    return mailbox
  }

  get file(): string | undefined {
    return this.#journal?.path
  }
  get total(): number {
    return this.#messages.length
  }
  get unread(): number {
    return this.#messages.reduce((sum, { summary }) => sum + (summary.Read ? 0 : 1), 0)
  }
  get bytes(): number {
    return this.#bytes
  }
  get deleted(): number {
    return this.#deleted
  }

  /** Newest first. */
  *newest(): Generator<StoredMessage> {
    for (let at = this.#messages.length - 1; at >= 0; at--) yield this.#messages[at]!
  }

  get(id: string): StoredMessage | undefined {
    return this.#byId.get(id)
  }

  hasMessageId(messageId: string): boolean {
    return this.#messages.some(({ summary }) => summary.MessageID === messageId)
  }

  /** Every tag in use with its number of messages, sorted. */
  tags(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { summary } of this.#messages) for (const tag of summary.Tags) counts.set(tag, (counts.get(tag) ?? 0) + 1)
    return new Map([...counts].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)))
  }

  put(message: StoredMessage): Promise<void> {
    return this.#commit({ put: { ...message, raw: message.raw.toString('latin1') } }, () => this.#insert(message))
  }
  drop(ids: readonly string[]): Promise<void> {
    return this.#commit({ drop: ids })
  }
  clear(): Promise<void> {
    return this.#commit({ clear: true })
  }
  markRead(ids: readonly string[], value: boolean): Promise<void> {
    const changed = ids.filter((id) => this.#byId.get(id) && this.#byId.get(id)!.summary.Read !== value)
    return changed.length === 0 ? Promise.resolve() : this.#commit({ read: changed, value })
  }
  setTags(ids: readonly string[], tags: readonly string[]): Promise<void> {
    return this.#commit({ tag: ids, tags: uniqueTags(tags) })
  }
  async dropOlderThan(time: number): Promise<void> {
    const ids = this.#messages.filter(({ created }) => created < time).map(({ summary }) => summary.ID)
    if (ids.length > 0) await this.drop(ids)
  }

  /** Calls back after each change. Returns what takes it back. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    await this.#queue
    await this.#journal?.close()
  }

  #commit(change: Change, apply: () => void = () => this.#apply(change)): Promise<void> {
    const done = this.#queue.then(async () => {
      await this.#journal?.append(change)
      apply()
      if (this.#journal?.wastes(this.#bytes)) await this.#journal.rewrite(this.#snapshot())
      for (const listener of this.#listeners) listener()
    })
    // The caller gets the error; the next change must not inherit it.
    this.#queue = done.catch(() => undefined)
    return done
  }

  *#snapshot(): Generator<Change> {
    for (const message of this.#messages) yield { put: { ...message, raw: message.raw.toString('latin1') } }
  }

  #apply(change: Change): void {
    if ('put' in change) this.#insert({ ...change.put, raw: Buffer.from(change.put.raw, 'latin1') })
    else if ('drop' in change) this.#remove(new Set(change.drop))
    else if ('clear' in change) this.#remove(new Set(this.#byId.keys()))
    else if ('read' in change) this.#replace(change.read, { Read: change.value })
    else this.#replace(change.tag, { Tags: change.tags })
  }

  #insert(message: StoredMessage): void {
    const newest = this.#messages.at(-1)
    this.#messages.push(message)
    // Only dates taken from the messages themselves can arrive out of order.
    if (newest && newest.created > message.created) this.#messages.sort((a, b) => a.created - b.created)
    this.#byId.set(message.summary.ID, message)
    this.#bytes += message.raw.length
    const { maxMessages, maxBytes } = this.#options
    const gone = new Set<string>()
    let bytes = this.#bytes
    for (const { summary, raw } of this.#messages) {
      const tooMany = maxMessages > 0 && this.#messages.length - gone.size > maxMessages
      if (!tooMany && (bytes <= maxBytes || this.#messages.length - gone.size === 1)) break
      gone.add(summary.ID)
      bytes -= raw.length
    }
    if (gone.size > 0) this.#remove(gone)
  }

  #remove(ids: ReadonlySet<string>): void {
    const kept: StoredMessage[] = []
    for (const message of this.#messages) {
      if (!ids.has(message.summary.ID)) kept.push(message)
      else {
        this.#byId.delete(message.summary.ID)
        this.#bytes -= message.raw.length
        this.#deleted++
      }
    }
    this.#messages = kept
  }

  #replace(ids: readonly string[], with_: Partial<Summary>): void {
    const wanted = new Set(ids)
    this.#messages = this.#messages.map((message) => {
      if (!wanted.has(message.summary.ID)) return message
      const next = { ...message, summary: { ...message.summary, ...with_ } }
      this.#byId.set(next.summary.ID, next)
      return next
    })
  }
}
