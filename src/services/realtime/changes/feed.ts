// What the channels know of changes of tables and of messages from the database: how to subscribe, what is delivered, what can be refused.

/** One entry of a join's `postgres_changes`. The fields are those of `raw` where they have the right type; errors are told from `raw`. */
export interface ChangeSubscription {
  readonly entry: {
    readonly event?: string
    readonly schema?: string
    readonly table?: string
    readonly filter?: string
    readonly select?: readonly string[]
    /** The object as the client sent it. */
    readonly raw: unknown
  }
  /** The hash that the join's reply told the client. */
  readonly id: number
}

export interface ChangeMessage {
  /** Of the entries that match, the last one of the join first. */
  readonly ids: readonly number[]
  readonly type: 'INSERT' | 'UPDATE' | 'DELETE'
  /** The JSON text of `data`: the same buffer for everybody who gets the same. */
  readonly data: Buffer
}

export interface SubscribeRequest {
  /** The channel's topic, for the log. */
  readonly topic: string
  readonly socketId: string
  readonly claims: Readonly<Record<string, unknown>>
  readonly role: string
  readonly token: string
  /** The JSON text of the claims, byte for byte as in the token: numbers keep their digits. `claims` written anew otherwise. */
  readonly claimsText?: string
  readonly entries: readonly ChangeSubscription[]
  /** Must not throw. A promise says that there is no room now; the stream waits for it, but not for long. */
  deliver(message: ChangeMessage): void | Promise<void>
  /** What a client is to know (`system`, status error): changes were lost, or cannot be read. The subscription stays. */
  fail(message: string): void
  /** The subscription was made anew (after `fail`, or since the publication changed): "Subscribed to PostgreSQL" once more. */
  restored(): void
}

export interface Subscribed {
  /** After a token refresh. From this call on no row is delivered that the new claims were not asked about. Rejects as `subscribe` does; then the subscription has ended. */
  claims(claims: Readonly<Record<string, unknown>>, role: string, token: string, claimsText?: string): Promise<void>
  /** Nothing is delivered after this call. The rows of realtime.subscription go soon after. */
  close(): Promise<void>
}

/** Why a subscription was refused, in the words for the client. */
export class SubscriptionRefused extends Error {
  /** Whether trying again in some seconds can help: the database was away. Malformed parameters and refused inserts stay refused. */
  readonly again: boolean

  constructor(message: string, again: boolean) {
    super(message)
    this.name = 'SubscriptionRefused'
    this.again = again
  }
}

export interface ChangesFeed {
  /**
   * Resolves when the rows of realtime.subscription exist and the stream runs: whatever is committed from then on is delivered.
   * Rejects with SubscriptionRefused.
   */
  subscribe(of: SubscribeRequest): Promise<Subscribed>
  /** For health and metrics. */
  readonly connected: boolean
  stop(): Promise<void>
}

/** One row of realtime.messages as it was committed. */
export interface DatabaseMessage {
  readonly topic: string
  readonly event: string
  readonly private: boolean
  /** JSON text, or the bytes of `binary_payload`. */
  readonly payload: Buffer
  readonly binary: boolean
  readonly id: string
  /** When the transaction was committed, in milliseconds. */
  readonly committedAt: number
}

export interface DatabaseBroadcasts {
  /** The stream is opened for the first listener, and closed some minutes after the last one has gone. */
  on(listener: (message: DatabaseMessage) => void): () => void
  /** Resolves when messages that are committed from then on arrive. Rejects when the signal is aborted first. */
  ready(signal: AbortSignal): Promise<void>
  readonly connected: boolean
  stop(): Promise<void>
}
