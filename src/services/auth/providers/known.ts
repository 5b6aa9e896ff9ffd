// Every provider by the name that clients use, and the provider of a name as it is configured. The only file that grows by a new one.
import type { AuthEnv, PROVIDERS } from '../env.ts'
import type { AuthState } from '../state.ts'
import { apple } from './apple.ts'
import { azure } from './azure.ts'
import { bitbucket } from './bitbucket.ts'
import { CUSTOM_PREFIX, openCustomProvider } from './custom/provider.ts'
import { discord } from './discord.ts'
import { facebook } from './facebook.ts'
import { figma } from './figma.ts'
import { fly } from './fly.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { google } from './google.ts'
import { kakao } from './kakao.ts'
import { keycloak } from './keycloak.ts'
import { linkedin } from './linkedin.ts'
import { linkedinOidc } from './linkedin-oidc.ts'
import { notion } from './notion.ts'
import { type OAuth1Provider, type OAuthProvider, ProviderError, type ProviderFactory, type ProviderSettings } from './provider.ts'
import { slack, slackOidc } from './slack.ts'
import { snapchat } from './snapchat.ts'
import { spotify } from './spotify.ts'
import { twitch } from './twitch.ts'
import { twitter } from './twitter.ts'
import { vercelMarketplace } from './vercel-marketplace.ts'
import { workos } from './workos.ts'
import { x } from './x.ts'
import { zoom } from './zoom.ts'

export type ProviderName = (typeof PROVIDERS)[number]

const factories: Readonly<Record<ProviderName, ProviderFactory>> = {
  APPLE: apple,
  AZURE: azure,
  BITBUCKET: bitbucket,
  DISCORD: discord,
  FACEBOOK: facebook,
  SNAPCHAT: snapchat,
  FIGMA: figma,
  FLY: fly,
  GITHUB: github,
  GITLAB: gitlab,
  GOOGLE: google,
  KEYCLOAK: keycloak,
  KAKAO: kakao,
  LINKEDIN: linkedin,
  LINKEDIN_OIDC: linkedinOidc,
  NOTION: notion,
  SPOTIFY: spotify,
  SLACK: slack,
  SLACK_OIDC: slackOidc,
  WORKOS: workos,
  TWITCH: twitch,
  TWITTER: twitter,
  ZOOM: zoom,
  X: x,
  VERCEL_MARKETPLACE: vercelMarketplace,
}
const BY_NAME: ReadonlyMap<string, ProviderName> = new Map(
  (Object.keys(factories) as ProviderName[]).map((name) => [name.toLowerCase(), name]),
)

export interface OpenedProvider {
  readonly settings: ProviderSettings
  readonly provider: OAuthProvider | OAuth1Provider
}

/** The variables of one provider. */
export const settingsOf = (env: AuthEnv, name: ProviderName) => ({
  enabled: env[`GOTRUE_EXTERNAL_${name}_ENABLED`],
  clientIds: env[`GOTRUE_EXTERNAL_${name}_CLIENT_ID`],
  clientId: env[`GOTRUE_EXTERNAL_${name}_CLIENT_ID`][0] ?? '',
  secret: env[`GOTRUE_EXTERNAL_${name}_SECRET`],
  redirectUri: env[`GOTRUE_EXTERNAL_${name}_REDIRECT_URI`],
  url: env[`GOTRUE_EXTERNAL_${name}_URL`],
  skipNonceCheck: env[`GOTRUE_EXTERNAL_${name}_SKIP_NONCE_CHECK`],
  emailOptional: env[`GOTRUE_EXTERNAL_${name}_EMAIL_OPTIONAL`],
})

/** Rejects with a ProviderError whose words complete "Unsupported provider: ". `scopes` are the caller's, as they were written. */
export async function openProvider(state: AuthState, name: string, scopes: string): Promise<OpenedProvider> {
  if (name.startsWith(CUSTOM_PREFIX)) return openCustomProvider(state, name, scopes)
  const known = BY_NAME.get(name)
  if (!known) throw new ProviderError(`Provider ${name} could not be found`)
  const settings = settingsOf(state.env, known)
  if (!settings.enabled) throw new ProviderError('provider is not enabled')
  if (settings.clientIds.length === 0) throw new ProviderError('missing OAuth client ID')
  if (settings.secret === '') throw new ProviderError('missing OAuth secret')
  if (settings.redirectUri === '') throw new ProviderError('missing redirect URI')
  const provider = await factories[known](settings, scopes === '' ? [] : scopes.split(','), state.issuers)
  return { settings, provider }
}
