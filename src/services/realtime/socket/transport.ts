// What carries frames to one client: a WebSocket, a long poll.
import type { WireFrame } from './wire.ts'

export interface Transport {
  /** Never throws and never waits: what a slow client does not take is bounded by the transport, which then ends. */
  send(frame: WireFrame): void
  close(code: number, reason: string): void
  /** Resolves when the client has taken most of what waits for it; undefined while there is room. */
  room(): Promise<void> | undefined
  /** Nothing more is to be read for now. */
  pause(): void
  resume(): void
}
