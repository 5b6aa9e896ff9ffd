// From an envelope and raw bytes to a stored message: completes the headers as upstream does (Return-Path, Message-ID, the recipients that
// no header names as Bcc), reads the message, stores it. SMTP and the send API both come through here.
import { readLetter, searchTextOf, snippetOf } from './letter.ts'
import { type Mailbox, newId } from './mailbox.ts'
import { tagsOf } from './tags.ts'

export interface Envelope {
  readonly from: string
  readonly to: readonly string[]
  /** Login name, where one was given. */
  readonly username: string
  /** Value of the Received header. */
  readonly received?: string
}

export interface ReceiveOptions {
  readonly useMessageDates: boolean
  readonly ignoreDuplicateIds: boolean
  readonly disabledTags: readonly string[]
}

export interface Counters {
  accepted: number
  acceptedBytes: number
  rejected: number
  ignored: number
}

export class Receiver {
  readonly #mailbox: Mailbox
  readonly #options: ReceiveOptions
  readonly counters: Counters = { accepted: 0, acceptedBytes: 0, rejected: 0, ignored: 0 }

  constructor(mailbox: Mailbox, options: ReceiveOptions) {
    this.#mailbox = mailbox
    this.#options = options
  }

  /** Stores the message and returns its ID; an ignored duplicate has none. */
  async receive(body: Buffer, envelope: Envelope): Promise<string> {
    const arrived = await readLetter(body)
    if (this.#options.ignoreDuplicateIds && arrived.messageId !== '' && this.#mailbox.hasMessageId(arrived.messageId)) {
      this.counters.ignored++
      return ''
    }
    const id = newId()
    const added: string[] = []
    if (envelope.received !== undefined) added.push(`Received: ${envelope.received}`)
    if (arrived.headers['Return-Path'] === undefined && envelope.from !== '') added.push(`Return-Path: <${envelope.from}>`)
    if (arrived.messageId === '') added.push(`Message-ID: <${id}@mail.invalid>`)
    const named = new Set([...arrived.to, ...arrived.cc, ...arrived.bcc].map(({ Address }) => Address.toLowerCase()))
    const unnamed = envelope.to.filter((address) => !named.has(address.toLowerCase()))
    if (unnamed.length > 0) added.push(`Bcc: ${unnamed.join(', ')}`)
    const raw = added.length === 0 ? body : Buffer.concat([Buffer.from(`${added.join('\r\n')}\r\n`), body])
    const letter = added.length === 0 ? arrived : await readLetter(raw)
    const created = this.#options.useMessageDates && letter.date ? letter.date.getTime() : Date.now()
    await this.#mailbox.put({
      created,
      inline: letter.parts.filter(({ inline }) => inline).length,
      searchText: searchTextOf(letter),
      raw,
      summary: {
        ID: id,
        MessageID: letter.messageId,
        Read: false,
        From: letter.from,
        To: letter.to,
        Cc: letter.cc,
        Bcc: letter.bcc,
        ReplyTo: letter.replyTo,
        Subject: letter.subject,
        Created: new Date(created).toISOString(),
        Username: envelope.username,
        Tags: tagsOf(letter, this.#options.disabledTags),
        Size: raw.length,
        Attachments: letter.parts.filter(({ inline }) => !inline).length,
        Snippet: snippetOf(letter),
      },
    })
    this.counters.accepted++
    this.counters.acceptedBytes += raw.length
    return id
  }
}
