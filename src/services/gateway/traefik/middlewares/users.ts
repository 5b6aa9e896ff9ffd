// The users of basicAuth and digestAuth, and htpasswd's ways to keep a password: `{SHA}`, `$apr1$`, `$1$`, bcrypt.
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { verify } from '@node-rs/bcrypt'
import { MiddlewareError } from './middleware.ts'

/** Lines of the file, then those of the configuration. Throws MiddlewareError. */
export function userLines(file: string | undefined, users: readonly string[]): string[] {
  if (file === undefined || file === '') return [...users]
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new MiddlewareError(`open ${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
  const lines = text.split('\n').map((line) => line.trim())
  return [...lines.filter((line) => line !== '' && !line.startsWith('#')), ...users]
}

/** Whether a password is the one of a line of htpasswd. */
export async function passwordMatches(password: string, secret: string): Promise<boolean> {
  if (secret.startsWith('{SHA}')) return equal(createHash('sha1').update(password).digest('base64'), secret.slice(5))
  if (/^\$2[abxy]\$/.test(secret)) {
    try {
      return await verify(password, secret)
    } catch {
      // A hash that is none opens to nobody.
      return false
    }
  }
  const parts = /^\$(apr1|1)\$([^$]{1,64})\$/.exec(secret)
  if (!parts) return false
  return equal(md5Crypt(password, parts[2]!.slice(0, 8), `$${parts[1]}$`), secret)
}

function equal(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(left!, right!)
}

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Poul-Henning Kamp's MD5 crypt, with the magic of FreeBSD or of Apache. */
export function md5Crypt(password: string, salt: string, magic: string): string {
  const key = Buffer.from(password)
  const md5 = (...pieces: readonly (Buffer | string)[]) => {
    const hash = createHash('md5')
    for (const piece of pieces) hash.update(piece)
    return hash.digest()
  }
  const inner = md5(key, salt, key)
  const pieces: (Buffer | string)[] = [key, magic, salt]
  for (let left = key.length; left > 0; left -= 16) pieces.push(inner.subarray(0, Math.min(16, left)))
  for (let left = key.length; left > 0; left >>= 1) pieces.push(left & 1 ? Buffer.from([0]) : key.subarray(0, 1))
  let digest = md5(...pieces)
  for (let round = 0; round < 1000; round++) {
    const turn: (Buffer | string)[] = [round & 1 ? key : digest]
    if (round % 3) turn.push(salt)
    if (round % 7) turn.push(key)
    turn.push(round & 1 ? digest : key)
    digest = md5(...turn)
  }
  let out = ''
  const put = (value: number, characters: number) => {
    for (let at = 0, left = value; at < characters; at++, left >>= 6) out += ALPHABET[left & 63]
  }
  for (const [a, b, c] of [
    [0, 6, 12],
    [1, 7, 13],
    [2, 8, 14],
    [3, 9, 15],
    [4, 10, 5],
  ] as const)
    put((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4)
  put(digest[11]!, 2)
  return `${magic}${salt}$${out}`
}
