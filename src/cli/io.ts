// The terminal: the only place that touches the process's own streams.
import { createInterface } from 'node:readline/promises'
import type { Io } from './command.ts'

const PIPED_ANSWER_MS = 100

export function processIo(assumeYes: () => boolean): Io {
  const { stdin, stdout, stderr, env } = process
  let input: Promise<string> | undefined
  const io: Io = {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outIsTerminal: stdout.isTTY === true,
    errIsTerminal: stderr.isTTY === true,
    colours: stderr.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    get columns() {
      return stdout.isTTY ? stdout.columns : undefined
    },
    readInput: () => {
      input ??= stdin.isTTY ? Promise.resolve('') : readAll(stdin)
      return input
    },
    async confirm(question, fallback) {
      const choices = fallback ? '[Y/n]' : '[y/N]'
      stderr.write(`${question} ${choices} `)
      if (assumeYes()) {
        stderr.write('y\n')
        return true
      }
      const answer = stdin.isTTY ? await ask(stdin) : await firstLine(stdin)
      if (!stdin.isTTY) stderr.write(`${answer}\n`)
      if (/^y(es)?$/i.test(answer.trim())) return true
      if (/^n(o)?$/i.test(answer.trim())) return false
      return fallback
    },
  }
  return io
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

async function ask(stream: NodeJS.ReadStream): Promise<string> {
  const reader = createInterface({ input: stream })
  try {
    return await reader.question('')
  } finally {
    reader.close()
  }
}

function firstLine(stream: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const done = () => {
      clearTimeout(timer)
      stream.off('data', take)
      stream.off('end', done)
      stream.pause()
      resolve(text.split('\n')[0]!)
    }
    const take = (chunk: Buffer) => {
      text += chunk.toString('utf8')
      if (text.includes('\n')) done()
    }
    const timer = setTimeout(done, PIPED_ANSWER_MS)
    stream.on('data', take)
    stream.once('end', done)
  })
}
