// The token answer: as JSON, and as the fragment of a redirect.
import { type ShownUser, showUser } from '../accounts/user-json.ts'
import { encodeForm } from '../request/form.ts'
import type { User } from '../tables/users.ts'
import type { AccessToken } from './access-token.ts'

export interface TokenAnswer {
  readonly access_token: string
  readonly token_type: 'bearer'
  readonly expires_in: number
  readonly expires_at: number
  readonly refresh_token: string
  readonly user: ShownUser
  readonly provider_token?: string
  readonly provider_refresh_token?: string
  readonly weak_password?: { readonly message: string; readonly reasons: readonly string[] }
}

export const tokenAnswer = (access: AccessToken, refreshToken: string, user: User): TokenAnswer => ({
  access_token: access.token,
  token_type: 'bearer',
  expires_in: access.expiresIn,
  expires_at: access.expiresAt,
  refresh_token: refreshToken,
  user: showUser(user),
})

/** The fragment's keys are sorted; `sb=` tells clients whose fragment it is. */
export const tokenFragment = (answer: TokenAnswer, type?: string): string =>
  encodeForm({
    access_token: answer.access_token,
    expires_at: String(answer.expires_at),
    expires_in: String(answer.expires_in),
    ...(answer.provider_refresh_token === undefined ? {} : { provider_refresh_token: answer.provider_refresh_token }),
    ...(answer.provider_token === undefined ? {} : { provider_token: answer.provider_token }),
    refresh_token: answer.refresh_token,
    sb: '',
    token_type: answer.token_type,
    ...(type === undefined ? {} : { type }),
  })
