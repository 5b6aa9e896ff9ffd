// Every route, in the order of the reference.
import type { Route } from '../route.ts'
import { adminAudit } from './admin/audit.ts'
import { adminCreateCustom, adminDeleteCustom, adminGetCustom, adminListCustom, adminUpdateCustom } from './admin/custom-providers.ts'
import { adminDeleteFactor, adminListFactors, adminUpdateFactor } from './admin/factors.ts'
import { adminGenerateLink } from './admin/generate-link.ts'
import { adminDeletePasskey, adminListPasskeys } from './admin/passkeys.ts'
import { adminCreateSso, adminDeleteSso, adminGetSso, adminListSso, adminUpdateSso } from './admin/sso-providers.ts'
import { adminCreateUser, adminUpdateUser } from './admin/user-write.ts'
import { adminDeleteUser, adminGetUser, adminListUsers } from './admin/users.ts'
import { authorize } from './authorize.ts'
import { callbackGet, callbackPost } from './callback.ts'
import { challenge } from './factor-challenge.ts'
import { verifyFactorRoute } from './factor-verify.ts'
import { enroll, unenroll } from './factors.ts'
import { health } from './health.ts'
import { deleteIdentityRoute, linkIdentity } from './identities.ts'
import { invite } from './invite.ts'
import { logout } from './logout.ts'
import { magiclink } from './magiclink.ts'
import { decideAuthorization, getAuthorization } from './oauth/authorizations.ts'
import { oauthAuthorize } from './oauth/authorize.ts'
import {
  adminCreateClient,
  adminDeleteClient,
  adminGetClient,
  adminListClients,
  adminRegenerateSecret,
  adminUpdateClient,
} from './oauth/clients.ts'
import { listOwnGrants, revokeOwnGrant } from './oauth/grants.ts'
import { registerClient } from './oauth/register.ts'
import { oauthToken } from './oauth/token.ts'
import { oauthUserinfo } from './oauth/userinfo.ts'
import { otp } from './otp.ts'
import { passkeyAuthenticationOptions, passkeyAuthenticationVerify } from './passkeys/authentication.ts'
import { deleteOwnPasskey, listOwnPasskeys, renameOwnPasskey } from './passkeys/own.ts'
import { passkeyRegistrationOptions, passkeyRegistrationVerify } from './passkeys/registration.ts'
import { reauthenticate } from './reauthenticate.ts'
import { recover } from './recover.ts'
import { resend } from './resend.ts'
import { settings } from './settings.ts'
import { signup } from './signup.ts'
import { ssoAcs } from './sso/acs.ts'
import { ssoMetadata } from './sso/metadata.ts'
import { ssoSignIn } from './sso/sign-in.ts'
import { token } from './token.ts'
import { getUser, putUser } from './user.ts'
import { verifyCode, verifyLink } from './verify.ts'
import { jwks, oauthAuthorizationServer, openidConfiguration } from './well-known.ts'

export const routes: readonly Route[] = [
  health,
  settings,
  jwks,
  openidConfiguration,
  oauthAuthorizationServer,
  signup,
  token,
  otp,
  magiclink,
  recover,
  resend,
  verifyLink,
  verifyCode,
  reauthenticate,
  logout,
  getUser,
  putUser,
  linkIdentity,
  deleteIdentityRoute,
  enroll,
  unenroll,
  challenge,
  verifyFactorRoute,
  passkeyAuthenticationOptions,
  passkeyAuthenticationVerify,
  passkeyRegistrationOptions,
  passkeyRegistrationVerify,
  listOwnPasskeys,
  renameOwnPasskey,
  deleteOwnPasskey,
  adminListUsers,
  adminCreateUser,
  adminGetUser,
  adminUpdateUser,
  adminDeleteUser,
  adminListFactors,
  adminUpdateFactor,
  adminDeleteFactor,
  adminListPasskeys,
  adminDeletePasskey,
  adminGenerateLink,
  invite,
  adminAudit,
  adminListClients,
  adminCreateClient,
  adminGetClient,
  adminUpdateClient,
  adminDeleteClient,
  adminRegenerateSecret,
  registerClient,
  oauthAuthorize,
  getAuthorization,
  decideAuthorization,
  oauthToken,
  oauthUserinfo,
  listOwnGrants,
  revokeOwnGrant,
  authorize,
  ssoSignIn,
  ssoMetadata,
  ssoAcs,
  adminListSso,
  adminCreateSso,
  adminGetSso,
  adminUpdateSso,
  adminDeleteSso,
  adminListCustom,
  adminCreateCustom,
  adminGetCustom,
  adminUpdateCustom,
  adminDeleteCustom,
  callbackGet,
  callbackPost,
]
