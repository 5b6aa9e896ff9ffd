// The exchange of a code for tokens, the way Go's oauth2 does it: credentials as HTTP Basic, and when that is refused again in the form.
import { z } from 'zod'
import type { JsonMap } from '../request/body.ts'
import { encodeForm, queryEscape } from '../request/form.ts'
import type { Outgoing } from './outgoing.ts'
import type { Grant, OAuthProvider, ProfileClient, ProviderSettings } from './provider.ts'

const answered = z.looseObject({
  access_token: z.string().min(1),
  token_type: z.string().nullish(),
  refresh_token: z.string().nullish(),
  error: z.union([z.literal(''), z.null()]).optional(),
})

/** Rejects when the provider gives no access token; never names the code or the secret. */
export async function exchangeCode(
  outgoing: Outgoing,
  provider: OAuthProvider,
  settings: ProviderSettings,
  code: string,
  verifier: string | undefined,
): Promise<Grant> {
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: settings.redirectUri,
    ...provider.tokenParams,
    ...(verifier === undefined ? {} : { code_verifier: verifier }),
  }
  const inForm = { ...form, client_id: settings.clientId, client_secret: settings.secret }
  if (provider.secretInForm) return ask(outgoing, provider, inForm)
  const basic = Buffer.from(`${queryEscape(settings.clientId)}:${queryEscape(settings.secret)}`).toString('base64')
  try {
    return await ask(outgoing, provider, form, { authorization: `Basic ${basic}` })
  } catch {
    // Which way a provider wants is not known before: the second answer is the one that counts.
    return ask(outgoing, provider, inForm)
  }
}

async function ask(outgoing: Outgoing, provider: OAuthProvider, form: Readonly<Record<string, string>>, headers = {}): Promise<Grant> {
  const { status, contentType, text } = await outgoing.send(provider.tokenUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: encodeForm(form),
    ...(provider.guarded ? { guarded: true } : {}),
  })
  const answer = parse(contentType, text)
  if (status < 200 || status > 299) throw new Error(`the token endpoint answered ${status}${kindOf(answer)}`)
  const token = answered.safeParse(answer)
  if (!token.success) throw new Error(`the token endpoint answered without a token${kindOf(answer)}`)
  const { access_token: accessToken, refresh_token: refreshToken, token_type: tokenType } = token.data
  return { accessToken, refreshToken: refreshToken ?? '', tokenType: tokenType ?? '', answer: token.data }
}

function parse(contentType: string, text: string): unknown {
  if (/^(application\/x-www-form-urlencoded|text\/plain)/i.test(contentType)) return Object.fromEntries(new URLSearchParams(text))
  try {
    return JSON.parse(text)
  } catch {
    return undefined // told as an answer without a token
  }
}

const kindOf = (answer: unknown): string => {
  const error = (answer as JsonMap | undefined)?.['error']
  return typeof error === 'string' && /^[\w.-]{1,60}$/.test(error) ? ` (${error})` : ''
}

export function profileClient(outgoing: Outgoing, provider: OAuthProvider, grant: Grant): ProfileClient {
  return {
    grant,
    async get(url, shape, headers = {}) {
      const { status, text } = await outgoing.send(url, {
        headers: { authorization: `${tokenType(grant.tokenType)} ${grant.accessToken}`, ...headers },
        ...(provider.guarded ? { guarded: true } : {}),
      })
      if (status < 200 || status > 299) throw new Error(`the profile endpoint answered ${status}`)
      return shape.parse(JSON.parse(text))
    },
  }
}

const tokenType = (name: string): string => (name === '' || /^bearer$/i.test(name) ? 'Bearer' : name)
