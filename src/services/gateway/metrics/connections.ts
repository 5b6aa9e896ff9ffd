// How many clients are connected, and how many requests there were: what nginx counts for Kong's status.
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

export class Connections {
  readonly #open = new Set<Socket>()
  #accepted = 0
  #requests = 0

  /** Called for every request: a connection counts from its first one on. */
  seen({ socket }: IncomingMessage): void {
    this.#requests++
    // A request of HTTP/2 has no socket of its own.
    if (!(socket instanceof Socket) || this.#open.has(socket)) return
    this.#accepted++
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
  }

  get requests(): number {
    return this.#requests
  }

  get counts(): { accepted: number; active: number; writing: number; waiting: number } {
    let writing = 0
    // Node hangs the answer under way on its socket.
    for (const socket of this.#open) if ((socket as Socket & { _httpMessage?: object | null })._httpMessage) writing++
    return { accepted: this.#accepted, active: this.#open.size, writing, waiting: this.#open.size - writing }
  }
}
