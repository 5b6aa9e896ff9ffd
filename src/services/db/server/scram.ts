// Stored forms of passwords (RFC 5803), as the server computes them: so a password never travels inside an SQL text.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(pbkdf2)
/** Postgres' own number of rounds. */
const ROUNDS = 4_096

export async function verifierOf(password: string, salt: Buffer = randomBytes(16), rounds = ROUNDS): Promise<string> {
  const salted = await derive(prepared(password), salt, rounds, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest()
  return `SCRAM-SHA-256$${rounds}:${salt.toString('base64')}$${storedKey.toString('base64')}:${hmac('Server Key').toString('base64')}`
}

/** False also for what is no verifier of this kind (none, or an old md5 one). */
export async function verifies(password: string, verifier: string | null): Promise<boolean> {
  const [, rounds, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier ?? '') ?? []
  if (!rounds || !salt || !verifier) return false
  const expected = Buffer.from(await verifierOf(password, Buffer.from(salt, 'base64'), Number(rounds)))
  const given = Buffer.from(verifier)
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** SASLprep as far as Postgres and node-postgres go: nothing changes in printable ASCII. */
function prepared(password: string): string {
  return password
    .replace(/[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/g, ' ')
    .replace(/\u00AD|\u034F|\u1806|[\u180B-\u180D]|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/g, '')
    .normalize('NFKC')
}
