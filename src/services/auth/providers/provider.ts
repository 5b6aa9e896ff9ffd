// What a provider is to the flow: where the browser is sent, where codes are exchanged, and how a profile is read. One file per
// provider says so in this form; `known.ts` lists them.
import type { z } from 'zod'
import type { JsonMap } from '../request/body.ts'
import type { ExternalUser } from './claims.ts'
import type { IssuerCache } from './oidc/issuers.ts'
import type { Outgoing } from './outgoing.ts'

/** The variables GOTRUE_EXTERNAL_<P>_*. */
export interface ProviderSettings {
  readonly clientId: string
  readonly secret: string
  readonly redirectUri: string
  /** Replaces the provider's hosts; `''` for the public ones. */
  readonly url: string
  readonly emailOptional: boolean
}

/** What the token endpoint answered. */
export interface Grant {
  readonly accessToken: string
  readonly refreshToken: string
  readonly tokenType: string
  /** The whole answer: `id_token`, a profile. */
  readonly answer: JsonMap
}

/** Requests for a profile, in the name of the person who has just signed in. */
export interface ProfileClient {
  readonly grant: Grant
  /** GET with the access token; rejects unless the answer is 2xx and of that shape. */
  get<Shape extends z.ZodType>(url: string, shape: Shape, headers?: Readonly<Record<string, string>>): Promise<z.output<Shape>>
}

export interface OAuthProvider {
  readonly authorizeUrl: string
  readonly tokenUrl: string
  readonly scopes: readonly string[]
  /** Parameters of the authorize URL that always hold. */
  readonly authorizeParams?: Readonly<Record<string, string>>
  /** The browser's own parameters are not passed on. */
  readonly fixedParams?: boolean
  /** Client id and secret only in the form, not first as HTTP Basic. */
  readonly secretInForm?: boolean
  readonly tokenParams?: Readonly<Record<string, string>>
  /** This provider wants PKCE of us. */
  readonly pkce?: boolean
  /** Its addresses come from an administrator: nothing private is asked. */
  readonly guarded?: boolean
  profile(client: ProfileClient): Promise<ExternalUser>
  /** Reads what a provider posts beside the code (`user` of Apple). */
  amend?(user: ExternalUser, form: URLSearchParams): ExternalUser
}

/** The protocol before OAuth 2: a token is asked for before the browser is sent. */
export interface OAuth1Provider {
  /** Where the browser is sent. */
  begin(outgoing: Outgoing, state: string): Promise<string>
  finish(outgoing: Outgoing, token: string, verifier: string): Promise<{ readonly user: ExternalUser; readonly accessToken: string }>
}

/** Makes the provider of the settings; `scopes` are those that the caller asks for besides. Rejects with words for the caller. */
export type ProviderFactory = (
  settings: ProviderSettings,
  scopes: readonly string[],
  issuers: IssuerCache,
) => OAuthProvider | OAuth1Provider | Promise<OAuthProvider>

/** The configured address without a slash at its end, else the public host. */
export const hostOf = (url: string, publicHost: string): string => (url === '' ? `https://${publicHost}` : url.replace(/\/$/, ''))

/** Words that the person who called may read. */
export class ProviderError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ProviderError'
  }
}
