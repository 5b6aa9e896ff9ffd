// Writing answers.
import type { ServerResponse } from 'node:http'

export function answerJson(res: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const text = Buffer.from(JSON.stringify(body))
  res.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8', 'content-length': text.length }).end(text)
}

export function answerText(res: ServerResponse, status: number, body: string): void {
  const text = Buffer.from(body)
  res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': text.length }).end(text)
}

export function answerEmpty(res: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  res.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': 0 }).end()
}
