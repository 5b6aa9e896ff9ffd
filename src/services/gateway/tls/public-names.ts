// The names under which the gateway is on the internet (PLINTH_DOMAIN): their certificates come from an authority, the authority's
// questions are answered before any route, and plain requests to them are sent to HTTPS.
import { mkdir } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Logger } from '../../../log/log.ts'
import { Challenges } from './acme/challenges.ts'
import { acmeIssuer, type ChallengeKind } from './acme/issuer.ts'
import { AcmeResolver } from './acme/resolver.ts'
import { AcmeStore } from './acme/store.ts'
import type { Certificates } from './certificates.ts'

export interface PublicNamesSettings {
  readonly domains: readonly string[]
  readonly directoryUrl: string
  readonly email: string
  readonly challenge: ChallengeKind
  /** Folder of the store. */
  readonly folder: string
  /** What clients connect to for HTTPS, where it is not 443. */
  readonly httpsPort: number
}

export interface PublicNames {
  readonly challenges: Challenges
  /** Answers a plain request that is not for the routes; false: it is. */
  answer(req: IncomingMessage, res: ServerResponse): boolean
  stop(): Promise<void>
}

export async function publicNames(settings: PublicNamesSettings, certificates: Certificates, log: Logger): Promise<PublicNames> {
  const { domains, directoryUrl, email, challenge, folder, httpsPort } = settings
  const challenges = new Challenges()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const resolver = new AcmeResolver({
    name: 'plinth',
    issuer: acmeIssuer({ directoryUrl, email, challenge, keyType: 'EC256' }, challenges),
    store: new AcmeStore(join(folder, 'acme.json')),
    certificates,
    log,
  })
  await resolver.open()
  // One certificate for each: a name whose record is wrong holds up no other.
  void resolver.want(domains.map((main) => ({ main, sans: [] })))
  const ours = new Set(domains.map((name) => name.toLowerCase()))
  return {
    challenges,
    answer(req, res) {
      const proof = challenges.textFor(req.url)
      if (proof !== undefined) {
        res.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(proof) }).end(proof)
        return true
      }
      const host = (req.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
      if (!ours.has(host) || !req.url?.startsWith('/')) return false
      const port = httpsPort === 443 ? '' : `:${httpsPort}`
      res.writeHead(308, { location: `https://${host}${port}${req.url}`, 'content-length': 0 }).end()
      return true
    },
    stop: () => resolver.stop(),
  }
}
