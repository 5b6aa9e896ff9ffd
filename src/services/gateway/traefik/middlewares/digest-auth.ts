// Name and password by a challenge, so that the password itself is not sent. Upstream: `digestAuth` (RFC 2617, MD5, qop auth).
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { respond } from '../answer.ts'
import { flag, texts } from '../config/types.ts'
import { TEXT } from '../flight.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'
import { userLines } from './users.ts'

// Challenges that are kept: those least lately used go first.
const MAX_NONCES = 1_000

const md5 = (text: string) => createHash('md5').update(text).digest('hex')

export const digestAuth = defineMiddleware({
  name: 'digestAuth',
  config: z.object({
    users: texts.default([]),
    usersFile: z.string().optional(),
    realm: z.string().default('traefik'),
    removeHeader: flag.default(false),
    headerField: z.string().default(''),
  }),
  build({ users, usersFile, realm: givenRealm, removeHeader, headerField }) {
    const realm = givenRealm.replace(/["\\\r\n]/g, '')
    const secrets = new Map(
      userLines(usersFile, users).map((line) => {
        const parts = line.split(':')
        if (parts.length !== 3) throw new MiddlewareError('error parsing DigestUser: expected name:realm:hash')
        return [`${parts[0]}:${parts[1]}`, parts[2]!] as const
      }),
    )
    const opaque = randomBytes(16).toString('hex')
    /** The highest count seen with each nonce. */
    const nonces = new Map<string, number>()
    const challenge = (stale: boolean): string[] => {
      const nonce = randomBytes(16).toString('base64url')
      nonces.set(nonce, 0)
      if (nonces.size > MAX_NONCES) nonces.delete(nonces.keys().next().value!)
      const value = `Digest realm="${realm}", nonce="${nonce}", opaque="${opaque}", algorithm=MD5, qop="auth"${stale ? ', stale=true' : ''}`
      return ['WWW-Authenticate', value, ...TEXT]
    }
    return (next) => (flight, answer) => {
      const given = parameters(flight.headers.get('authorization'))
      const refuse = (stale: boolean) => respond(answer, 401, '401 Unauthorized\n', challenge(stale))
      const name = given?.get('username') ?? ''
      if (name !== '' && !/[\x00-\x1f\x7f]/.test(name)) flight.notes.clientUser = name
      const secret = secrets.get(`${name}:${realm}`)
      if (
        !given ||
        secret === undefined ||
        given.get('opaque') !== opaque ||
        given.get('qop') !== 'auth' ||
        (given.get('algorithm') ?? 'MD5').toUpperCase() !== 'MD5' ||
        given.get('uri') !== `${flight.path}${flight.query}`
      )
        return refuse(false)
      const nonce = given.get('nonce') ?? ''
      const expected = md5(
        [secret, nonce, given.get('nc'), given.get('cnonce'), 'auth', md5(`${flight.method}:${given.get('uri')}`)].join(':'),
      )
      const sent = given.get('response') ?? ''
      if (sent.length !== expected.length || !timingSafeEqual(Buffer.from(expected), Buffer.from(sent))) return refuse(false)
      const count = /^[0-9a-f]{8}$/i.test(given.get('nc') ?? '') ? Number.parseInt(given.get('nc')!, 16) : 0
      const seen = nonces.get(nonce)
      // A nonce of ours that was dropped, or a count that was used before, asks for a new turn and not for another password.
      if (seen === undefined || count <= seen) return refuse(true)
      nonces.delete(nonce)
      nonces.set(nonce, count)
      if (headerField !== '') flight.headers.set(headerField, name)
      if (removeHeader) flight.headers.remove('authorization')
      return next(flight, answer)
    }
  },
})

function parameters(header: string | undefined): Map<string, string> | undefined {
  if (header === undefined || !/^digest /i.test(header)) return undefined
  const found = new Map<string, string>()
  for (const [, key, quoted, plain] of header.slice(7).matchAll(/(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))/g))
    found.set(key!.toLowerCase(), quoted ?? plain ?? '')
  return found
}
