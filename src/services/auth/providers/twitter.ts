// Twitter by OAuth 1.0a. Upstream keeps no secret of the request token, and Twitter asks for none; ours is the same.
import { createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { queryEscape } from '../request/form.ts'
import { onlyEmail } from './claims.ts'
import { text } from './fields.ts'
import { hostOf, type OAuth1Provider, type ProviderFactory } from './provider.ts'

const profile = z.object({ screen_name: text, name: text, profile_image_url_https: text, email: text, id_str: text })
const PROFILE_QUERY = { include_entities: 'false', skip_status: 'true', include_email: 'true' }

interface Signing {
  readonly clientId: string
  readonly secret: string
  readonly token?: string
  readonly tokenSecret?: string
}

export const twitter: ProviderFactory = ({ url, clientId, secret, redirectUri }): OAuth1Provider => {
  const host = hostOf(url, 'api.twitter.com')
  const profileUrl = `${host}/1.1/account/verify_credentials.json`
  const client = { clientId, secret }
  return {
    async begin(outgoing, state) {
      const target = `${host}/oauth/request_token`
      const authorization = sign('POST', target, client, { oauth_callback: `${redirectUri}?state=${state}` })
      const answer = formOf(await outgoing.send(target, { method: 'POST', headers: { authorization } }))
      return `${host}/oauth/authenticate?oauth_token=${queryEscape(tokenOf(answer, 'oauth_token'))}`
    },
    async finish(outgoing, token, verifier) {
      const target = `${host}/oauth/access_token`
      const authorization = sign('POST', target, { ...client, token }, { oauth_verifier: verifier })
      const answer = formOf(await outgoing.send(target, { method: 'POST', headers: { authorization } }))
      const accessToken = tokenOf(answer, 'oauth_token')
      const signing = { ...client, token: accessToken, tokenSecret: answer.get('oauth_token_secret') ?? '' }
      const { status, text: body } = await outgoing.send(`${profileUrl}?${new URLSearchParams(PROFILE_QUERY)}`, {
        headers: { authorization: sign('GET', profileUrl, signing, {}, PROFILE_QUERY) },
      })
      if (status < 200 || status > 299) throw new Error(`a ${status} error occurred with retrieving user from twitter`)
      const user = profile.parse(JSON.parse(body))
      return {
        accessToken,
        user: {
          emails: onlyEmail(user.email, true),
          claims: {
            iss: profileUrl,
            sub: user.id_str,
            name: user.name,
            picture: user.profile_image_url_https,
            preferred_username: user.screen_name,
            user_name: user.screen_name,
            full_name: user.name,
            avatar_url: user.profile_image_url_https,
            provider_id: user.id_str,
          },
        },
      }
    },
  }
}

function formOf({ status, text: body }: { readonly status: number; readonly text: string }): URLSearchParams {
  if (status !== 200) throw new Error(`twitter answered ${status}`)
  return new URLSearchParams(body)
}

function tokenOf(form: URLSearchParams, name: string): string {
  const token = form.get(name)
  if (!token) throw new Error(`twitter answered without ${name}`)
  return token
}

/** RFC 5849: the value of the Authorization header. */
export function sign(
  method: string,
  url: string,
  { clientId, secret, token, tokenSecret = '' }: Signing,
  own: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string>> = {},
  nonce = randomBytes(16).toString('hex'),
  timestamp = Math.floor(Date.now() / 1_000),
): string {
  const parameters: Record<string, string> = {
    ...own,
    oauth_consumer_key: clientId,
    oauth_nonce: nonce,
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: String(timestamp),
    ...(token === undefined ? {} : { oauth_token: token }),
    oauth_version: '1.0',
  }
  const pairs = Object.entries({ ...parameters, ...query })
    .map(([name, value]) => `${percent(name)}=${percent(value)}`)
    .sort()
    .join('&')
  const base = [method, url, pairs].map(percent).join('&')
  const signature = createHmac('sha1', `${percent(secret)}&${percent(tokenSecret)}`)
    .update(base)
    .digest('base64')
  const fields = Object.entries({ ...parameters, oauth_signature: signature })
  return `OAuth ${fields.map(([name, value]) => `${percent(name)}="${percent(value)}"`).join(',')}`
}

/** RFC 3986, which encodes a little more than encodeURIComponent. */
const percent = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
