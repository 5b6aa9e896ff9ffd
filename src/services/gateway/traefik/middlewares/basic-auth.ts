// Name and password by HTTP's own means. Upstream: `basicAuth`.
import { z } from 'zod'
import { respond } from '../answer.ts'
import { flag, texts } from '../config/types.ts'
import { TEXT } from '../flight.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'
import { passwordMatches, userLines } from './users.ts'

export const basicAuth = defineMiddleware({
  name: 'basicAuth',
  config: z.object({
    users: texts.default([]),
    usersFile: z.string().optional(),
    realm: z.string().default('traefik'),
    removeHeader: flag.default(false),
    headerField: z.string().default(''),
  }),
  build({ users, usersFile, realm, removeHeader, headerField }) {
    const secrets = new Map(
      userLines(usersFile, users).map((line) => {
        const parts = line.split(':')
        if (parts.length !== 2) throw new MiddlewareError('error parsing BasicUser: expected name:hash')
        return parts as [string, string]
      }),
    )
    if (secrets.size === 0) throw new MiddlewareError(`no users found in ${usersFile ?? ''}`)
    // A name that nobody has costs as much as one that somebody has.
    const stranger = secrets.values().next().value!
    const challenge = ['WWW-Authenticate', `Basic realm="${realm.replace(/["\\\r\n]/g, '')}"`, ...TEXT]
    const headerKey = headerField.toLowerCase()
    return (next) => async (flight, answer) => {
      const given = credentials(flight.headers.get('authorization'))
      if (given) flight.notes.clientUser = given.name
      const secret = given && secrets.get(given.name)
      const matches = given !== undefined && (await passwordMatches(given.password, secret ?? stranger))
      if (!given || !matches || secret === undefined) {
        respond(answer, 401, '401 Unauthorized\n', challenge)
        return
      }
      if (headerField !== '') flight.headers.set(headerField, given.name, headerKey)
      if (removeHeader) flight.headers.remove('authorization')
      await next(flight, answer)
    }
  },
})

function credentials(header: string | undefined): { readonly name: string; readonly password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  // A name goes into a header and the log: it is one line.
  if (colon < 0 || /[\x00-\x1f\x7f]/.test(text)) return undefined
  return { name: text.slice(0, colon), password: text.slice(colon + 1) }
}
