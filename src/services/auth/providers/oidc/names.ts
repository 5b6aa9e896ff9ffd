// The names under which the known issuers sign.

export const ISSUERS = {
  apple: 'https://appleid.apple.com',
  appleAccount: 'https://account.apple.com',
  google: 'https://accounts.google.com',
  linkedin: 'https://www.linkedin.com/oauth',
  kakao: 'https://kauth.kakao.com',
  facebook: 'https://www.facebook.com',
  snapchat: 'https://accounts.snapchat.com/accounts/oauth2/token',
  vercelMarketplace: 'https://marketplace.vercel.com',
} as const

export const isAppleIssuer = (issuer: string): boolean => issuer === ISSUERS.apple || issuer === ISSUERS.appleAccount

/** Of Microsoft's many tenants. */
export const isAzureIssuer = (issuer: string): boolean => /^https:\/\/login[.]microsoftonline[.]com\/[^/]+\/v2[.]0\/?$/.test(issuer)
/** Tenants of customers' own sign-in pages. */
export const isAzureCiamIssuer = (issuer: string): boolean => /^https:\/\/[a-z0-9-]+[.]ciamlogin[.]com\/[^/]+\/v2[.]0\/?$/.test(issuer)
