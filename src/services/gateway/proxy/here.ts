// A request to a service in this process: its handler gets the very request and response, no byte is copied. The head of its
// answer passes the plugins by a hook on writeHead, which every way of answering ends in.
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { HeaderTable } from '../header-table.ts'
import type { Waiting } from './deadlines.ts'

type Finish = (status: number, headers: HeaderTable) => { status: number; headers: string[] }

export type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** From now on the head that anybody writes goes through `finish`, once. Returns what takes the hook off. */
export function hookHead(res: ServerResponse, finish: Finish): () => void {
  const writeHead = res.writeHead
  res.writeHead = function hooked(this: ServerResponse, status: number, reason?: string | GivenHeaders, headers?: GivenHeaders) {
    if (res.headersSent) return (writeHead as (...given: unknown[]) => ServerResponse).call(res, status, reason, headers)
    const message = typeof reason === 'string' ? reason : undefined
    const table = headGiven(res, reason, headers)
    const head = finish(status, table)
    res.writeHead = writeHead
    if (message !== undefined) res.statusMessage = message
    if (!table.repeats()) return res.writeHead(head.status, head.headers)
    // Once any header was set singly, Node keeps one value per name of the lines given here: they are set singly too.
    for (const [name, values] of grouped(head.headers)) res.setHeader(name, values.length > 1 ? values : values[0]!)
    return res.writeHead(head.status)
  } as ServerResponse['writeHead']
  return () => {
    res.writeHead = writeHead
  }
}

/** The headers of a head that is being written: those set before, which are taken off the response, and those given with it. */
export function headGiven(res: ServerResponse, reason?: string | GivenHeaders, headers?: GivenHeaders): HeaderTable {
  const table = HeaderTable.empty()
  for (const name of res.getHeaderNames()) {
    addAll(table, name, res.getHeader(name))
    res.removeHeader(name)
  }
  addGiven(table, typeof reason === 'object' ? reason : headers)
  return table
}

/**
 * Calls `answer` when the handler has written no head within its time. A request body that still comes in puts that off: then the client
 * is the slow one. What the handler writes afterwards goes nowhere, and the end of the connection tells it that nobody waits any more.
 */
export class LateAnswer implements Waiting {
  begun: number
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #answer: () => void
  #read: number | undefined

  constructor(req: IncomingMessage, res: ServerResponse, begun: number, answer: () => void) {
    this.begun = begun
    this.#req = req
    this.#res = res
    this.#answer = answer
    this.#read = req.socket.bytesRead
  }

  get over(): boolean {
    return this.#res.headersSent || this.#res.destroyed
  }

  late(): boolean {
    if (this.over) return false
    const [req, res] = [this.#req, this.#res]
    const read: number | undefined = req.socket.bytesRead
    // Over HTTP/2 there is no such count; what never comes is ended with its connection.
    if (!req.complete && (read === undefined || read > (this.#read ?? 0))) {
      this.#read = read
      return true
    }
    this.#answer()
    res.setHeader = () => res
    res.writeHead = () => res
    res.write = () => false
    res.end = () => res
    return false
  }
}

function addGiven(table: HeaderTable, headers: GivenHeaders | undefined): void {
  if (!headers) return
  if (!Array.isArray(headers)) {
    for (const name of Object.keys(headers)) {
      const key = name.toLowerCase()
      if (headers[name] === undefined) continue
      table.remove(key)
      addAll(table, name, headers[name])
    }
    return
  }
  if (Array.isArray(headers[0])) {
    for (const pair of headers as unknown as [string, OutgoingHttpHeader][]) addAll(table, pair[0], pair[1])
    return
  }
  for (let i = 0; i + 1 < headers.length; i += 2) addAll(table, String(headers[i]), headers[i + 1])
}

function addAll(table: HeaderTable, name: string, value: OutgoingHttpHeader | undefined): void {
  if (value === undefined) return
  if (Array.isArray(value)) for (const one of value) table.append(name, String(one))
  else table.append(name, String(value))
}

function grouped(lines: readonly string[]): Iterable<readonly [name: string, values: string[]]> {
  const groups = new Map<string, readonly [string, string[]]>()
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const key = lines[i]!.toLowerCase()
    const group = groups.get(key)
    if (group) group[1].push(lines[i + 1]!)
    else groups.set(key, [lines[i]!, [lines[i + 1]!]])
  }
  return groups.values()
}
