import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { JoinedAnswer } from './joined-answer.ts'

/** What arrives at a client of the handler, one text per read. */
async function pieces(handler: RequestListener): Promise<string[]> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const got: string[] = []
  await new Promise((resolve) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('data', (piece) => got.push(piece.toString('latin1')))
    socket.on('close', resolve)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  })
  await new Promise((resolve) => server.close(resolve))
  return got
}

test.each([
  ['one piece', ['body'], ['Content-Length', '4'], /\r\n\r\nbody$/],
  ['no piece', [], ['Content-Length', '0'], /\r\n\r\n$/],
  ['several', ['a', 'b', 'c'], ['Content-Length', '3'], /\r\n\r\nabc$/],
  ['of unknown length', ['ab', 'cd'], ['X-A', '1'], /\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n$/],
  ['a long one', ['x'.repeat(40_000)], ['Content-Length', '40000'], /\r\n\r\nx{40000}$/],
])('what is there at once arrives whole: %s', async (_, body, lines, end) => {
  const got = await pieces((_, res) => {
    const answer = new JoinedAnswer(res)
    answer.head(200, [...lines])
    for (const piece of body) answer.write(Buffer.from(piece))
    answer.end()
  })
  expect(got.join('')).toMatch(end)
  expect(got.join('')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
})

test('a head that stands alone does not wait for the body', async () => {
  let go = () => {}
  const server = createServer((_, res) => {
    const answer = new JoinedAnswer(res)
    answer.head(200, ['X-Name', '\u00e9', 'Content-Length', '2'])
    go = () => {
      answer.write(Buffer.from('ok'))
      answer.end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const got: string[] = []
  await new Promise((resolve) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    // The body is written only once the head has arrived.
    socket.on('data', (piece) => {
      got.push(piece.toString('latin1'))
      if (got.length === 1) go()
    })
    socket.on('close', resolve)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  })
  await new Promise((resolve) => server.close(resolve))
  expect(got[0]).toContain('X-Name: \u00e9\r\n')
  expect(got.at(-1)).toMatch(/ok$/)
})
