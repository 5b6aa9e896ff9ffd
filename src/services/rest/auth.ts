// Who asks: from the Authorization header to the role and the claims that the transaction is given.
import { JwtError } from '../../jwt/error.ts'
import { type Claims, JwtVerifier } from '../../jwt/verifier.ts'
import { type RestConfig, verificationKeys } from './config.ts'
import { RestError } from './errors.ts'
import { parseRolePath, type RolePath } from './role-path.ts'

export interface Session {
  readonly role: string
  /** `request.jwt.claims`: the claims with the role. */
  readonly claims: string
  readonly anonymous: boolean
}

/** Lookups in the cache of verified tokens; they go on over reloads. */
export interface JwtCacheCounts {
  requests: number
  hits: number
  evictions: number
}

/** What Postgres says of a role that is not there, which a role `none` never is. */
export class RoleNone extends Error {
  constructor() {
    super('role "none" does not exist')
    this.name = 'RoleNone'
  }
}

export class Authenticator {
  readonly #verifier: JwtVerifier | undefined
  readonly #rolePath: RolePath
  readonly #config: RestConfig
  readonly #anonymous: Session | undefined
  /** What was made of verified claims; goes when the verifier forgets the token. */
  readonly #sessions = new WeakMap<Claims, Session>()
  /** The path of the role claim where it is of the form that upstream gives up. */
  readonly deprecatedPath: string | undefined
  readonly #counts: JwtCacheCounts

  /** Throws when the secret or the path of the role claim cannot be read. */
  constructor(config: RestConfig, counts: JwtCacheCounts = { requests: 0, hits: 0, evictions: 0 }) {
    this.#config = config
    this.#counts = counts
    this.#rolePath = parseRolePath(config.roleClaimKey)
    this.deprecatedPath = this.#rolePath.deprecated ? config.roleClaimKey : undefined
    this.#anonymous =
      config.anonRole === undefined
        ? undefined
        : { role: config.anonRole, claims: JSON.stringify({ role: config.anonRole }), anonymous: true }
    if (config.jwtSecret !== undefined) {
      this.#verifier = new JwtVerifier(verificationKeys(config.jwtSecret, config.jwtSecretIsBase64), {
        clockSkewSeconds: 30,
        cacheSize: config.jwtCacheSize,
        keyChoice: 'kid',
        onEvict: () => counts.evictions++,
      })
    }
  }

  /** The session when it is known without cryptography; undefined when `authenticate` has to be asked. Throws RestError. */
  known(header: string | undefined): Session | undefined {
    const token = tokenOf(header)
    if (token === undefined) return this.#anonymously()
    if (this.#verifier === undefined) throw new RestError('PGRST300')
    if (this.#config.jwtCacheSize > 0) this.#counts.requests++
    const claims = this.#verifier.cached(token)
    if (claims === undefined) return undefined
    this.#counts.hits++
    return this.#sessions.get(claims) ?? this.#sessionOf(claims)
  }

  async authenticate(header: string | undefined): Promise<Session> {
    const token = tokenOf(header)
    if (token === undefined) return this.#anonymously()
    if (this.#verifier === undefined) throw new RestError('PGRST300')
    if (token === '') throw refused('PGRST301', 'Empty JWT is sent in Authorization header')
    let claims: Claims
    try {
      claims = await this.#verifier.verify(token)
    } catch (error) {
      throw error instanceof JwtError ? inWords(error) : error
    }
    return this.#sessionOf(claims)
  }

  #anonymously(): Session {
    if (this.#anonymous === undefined) throw new RestError('PGRST302', { headers: [['WWW-Authenticate', 'Bearer']] })
    if (this.#anonymous.role === 'none') throw new RoleNone()
    return this.#anonymous
  }

  #sessionOf(claims: Claims): Session {
    this.#checkAudience(claims['aud'])
    const named = this.#rolePath.find(claims)
    const role = named === undefined ? this.#config.anonRole : typeof named === 'string' ? named : JSON.stringify(named)
    if (role === undefined) throw new RestError('PGRST302', { headers: [['WWW-Authenticate', 'Bearer']] })
    // To Postgres `none` is no role but the end of one: the request would run as the login itself.
    if (role === 'none') throw new RoleNone()
    const session = { role, claims: JSON.stringify({ ...claims, role }), anonymous: role === this.#config.anonRole }
    this.#sessions.set(claims, session)
    return session
  }

  #checkAudience(aud: unknown): void {
    if (aud === undefined || aud === null) return
    const list = Array.isArray(aud) ? (aud as unknown[]) : [aud]
    if (!list.every((item) => typeof item === 'string')) {
      throw refused('PGRST303', "The JWT 'aud' claim must be a string or an array of strings")
    }
    const { jwtAud } = this.#config
    if (jwtAud !== undefined && list.length > 0 && !list.includes(jwtAud)) throw refused('PGRST303', 'JWT not in audience')
  }
}

/** Undefined without a bearer token; another scheme counts as none. */
function tokenOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  if (header.startsWith('Bearer ')) return header.slice(7).trim()
  const found = /^bearer(?: +(.*))?$/i.exec(header)
  return found ? (found[1] ?? '').trim() : undefined
}

function refused(code: 'PGRST301' | 'PGRST303', words: string, details: string | null = null): RestError {
  return new RestError(code, {
    words,
    details,
    headers: [['WWW-Authenticate', `Bearer error="invalid_token", error_description="${words}"`]],
  })
}

function inWords({ reason, parts, algorithm, claim }: JwtError): RestError {
  switch (reason) {
    case 'malformed':
      return parts === 3
        ? refused('PGRST301', 'JWT cryptographic operation failed')
        : refused('PGRST301', `Expected 3 parts in JWT; got ${parts}`)
    case 'algorithm':
      return refused(
        'PGRST301',
        'Wrong or unsupported encoding algorithm',
        algorithm === 'none' ? "JWT is unsecured but expected 'alg' was not 'none'" : null,
      )
    case 'key':
      return refused('PGRST301', 'No suitable key or wrong key type', 'No suitable key was found to decode the JWT')
    case 'signature':
      return refused('PGRST301', 'No suitable key or wrong key type', 'None of the keys was able to decode the JWT')
    case 'claims':
      return refused('PGRST303', 'Parsing claims failed')
    case 'claim-type':
      return refused('PGRST303', `The JWT '${claim}' claim must be a number`)
    case 'expired':
      return refused('PGRST303', 'JWT expired')
    case 'not-yet':
      return refused('PGRST303', 'JWT not yet valid')
    case 'issued-later':
      return refused('PGRST303', 'JWT issued at future')
  }
}
