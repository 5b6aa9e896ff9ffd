// Every answer of Auth that is not a success: status, code and words are upstream's to the letter, and clients match on them.
// What the database or a peer did wrong travels as `cause`; it is logged where the error is answered and never shown.

/** An ordinary error. Without a code (hooks) the body says `unexpected_failure` for 500, else `unknown`, and no header names it. */
export class AuthError extends Error {
  readonly status: number
  readonly code: string | undefined
  constructor(status: number, code: string | undefined, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'AuthError'
    this.status = status
    this.code = code
  }
}

/** Answered as 422 `weak_password` with the reasons beside it. */
export class WeakPasswordError extends AuthError {
  readonly reasons: readonly string[]
  constructor(message: string, reasons: readonly string[]) {
    super(422, 'weak_password', message)
    this.name = 'WeakPasswordError'
    this.reasons = reasons
  }
}

/** An error in OAuth's own shape: always 400, the same under every API version. */
export class OAuthError extends Error {
  readonly error: string
  readonly description: string
  constructor(error: string, description: string) {
    super(`${error}: ${description}`)
    this.name = 'OAuthError'
    this.error = error
    this.description = description
  }
}

const fixed = (status: number, code: string, message: string) => (cause?: unknown) => new AuthError(status, code, message, cause)
const worded = (status: number, code: string) => (message: string, cause?: unknown) => new AuthError(status, code, message, cause)

export const DUPLICATE_EMAIL = 'A user with this email address has already been registered'
const CHANNEL =
  "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only supported if Twilio or Twilio Verify is used as the provider."

/** The table, in the order of upstream's list of codes. */
export const errors = {
  /** 500 with upstream's sentence; the cause decides about the body when it is an error of the user's own SQL. */
  failure: worded(500, 'unexpected_failure'),
  validation: worded(400, 'validation_failed'),
  validation404: worded(404, 'validation_failed'),
  validation422: worded(422, 'validation_failed'),
  invalidChannel: fixed(400, 'validation_failed', CHANNEL),
  invalidPhone: fixed(400, 'validation_failed', 'Invalid phone number format (E.164 required)'),
  badJson: (detail: string) => new AuthError(400, 'bad_json', `Could not parse request body as JSON: ${detail}`),
  badBody: worded(400, 'bad_json'),
  bodyTooLarge: fixed(413, 'request_entity_too_large', 'Request body too large (max 1048576 bytes)'),
  timeout: fixed(504, 'request_timeout', 'Processing this request timed out, please retry after a moment.'),
  conflict: fixed(409, 'conflict', 'Too many concurrent token refresh requests on the same session or refresh token'),
  noBearer: fixed(401, 'no_authorization', 'This endpoint requires a valid Bearer token'),
  anonymousRefused: fixed(403, 'no_authorization', 'Anonymous user not allowed to perform these actions'),
  badJwt: worded(403, 'bad_jwt'),
  subNotUuid: fixed(400, 'bad_jwt', 'invalid claim: sub claim must be a UUID'),
  notAdmin: fixed(403, 'not_admin', 'User not allowed'),
  appMetadataRefused: fixed(403, 'not_admin', 'Updating app_metadata requires admin privileges'),
  subNotFound: fixed(403, 'user_not_found', 'User from sub claim in JWT does not exist'),
  userNotFound: fixed(404, 'user_not_found', 'User not found'),
  emailNotFound: fixed(404, 'user_not_found', 'User with this email not found'),
  sessionNotFound: fixed(403, 'session_not_found', 'Session from session_id claim in JWT does not exist'),
  refreshWithoutSession: fixed(400, 'session_not_found', 'Invalid Refresh Token: No Valid Session Found'),
  sessionExpired: (why = '') => new AuthError(400, 'session_expired', `Invalid Refresh Token: Session Expired${why && ` (${why})`}`),
  sessionInvalid: fixed(403, 'session_expired', 'Session is no longer valid'),
  refreshNotFound: fixed(400, 'refresh_token_not_found', 'Invalid Refresh Token: Refresh Token Not Found'),
  refreshUsed: fixed(400, 'refresh_token_already_used', 'Invalid Refresh Token: Already Used'),
  refreshBanned: fixed(400, 'user_banned', 'Invalid Refresh Token: User Banned'),
  refreshMalformed: fixed(400, 'validation_failed', 'Refresh token is not valid'),
  refreshForeign: fixed(400, 'validation_failed', 'Invalid Refresh Token: Not Issued By This Server'),
  invalidLogin: fixed(400, 'invalid_credentials', 'Invalid login credentials'),
  loginRejected: worded(400, 'invalid_credentials'),
  unsupportedGrant: fixed(400, 'invalid_credentials', 'unsupported_grant_type'),
  emailNotConfirmed: fixed(400, 'email_not_confirmed', 'Email not confirmed'),
  phoneNotConfirmed: fixed(400, 'phone_not_confirmed', 'Phone not confirmed'),
  verifyEmailFirst: fixed(422, 'email_not_confirmed', 'Please verify your email first.'),
  verifyPhoneFirst: fixed(422, 'phone_not_confirmed', 'Please verify your phone first.'),
  loginBanned: fixed(400, 'user_banned', 'User is banned'),
  banned: fixed(403, 'user_banned', 'User is banned'),
  emailExists: fixed(422, 'email_exists', DUPLICATE_EMAIL),
  phoneExists: fixed(422, 'phone_exists', 'A user with this phone number has already been registered'),
  phoneTaken: fixed(422, 'phone_exists', 'Phone number already registered by another user'),
  userExists: fixed(422, 'user_already_exists', 'User already registered'),
  signupDisabled: fixed(422, 'signup_disabled', 'Signups not allowed for this instance'),
  anonymousDisabled: fixed(422, 'anonymous_provider_disabled', 'Anonymous sign-ins are disabled'),
  emailSignupsDisabled: fixed(400, 'email_provider_disabled', 'Email signups are disabled'),
  emailLoginsDisabled: fixed(422, 'email_provider_disabled', 'Email logins are disabled'),
  emailLoginsDisabled400: fixed(400, 'email_provider_disabled', 'Email logins are disabled'),
  magicLinkDisabled: fixed(422, 'email_provider_disabled', 'Login with magic link is disabled'),
  phoneSignupsDisabled: fixed(400, 'phone_provider_disabled', 'Phone signups are disabled'),
  phoneLoginsDisabled: fixed(422, 'phone_provider_disabled', 'Phone logins are disabled'),
  phoneLoginsDisabled400: fixed(400, 'phone_provider_disabled', 'Phone logins are disabled'),
  phoneUnsupported: fixed(400, 'phone_provider_disabled', 'Unsupported phone provider'),
  otpDisabled: fixed(422, 'otp_disabled', 'Signups not allowed for otp'),
  otpExpired: fixed(403, 'otp_expired', 'Token has expired or is invalid'),
  linkExpired: fixed(403, 'otp_expired', 'Email link is invalid or has expired'),
  samePassword: fixed(422, 'same_password', 'New password should be different from the old password.'),
  reauthenticationNeeded: fixed(400, 'reauthentication_needed', 'Password update requires reauthentication'),
  nonceInvalid: fixed(422, 'reauthentication_not_valid', 'Nonce has expired or is invalid'),
  currentPasswordRequired: fixed(400, 'current_password_required', 'Current password required when setting new password.'),
  currentPasswordInvalid: fixed(400, 'current_password_invalid', 'Current password required when setting new password.'),
  aal2ToUpdate: fixed(401, 'insufficient_aal', 'AAL2 session is required to update email or password when MFA is enabled.'),
  aal2ToEnroll: fixed(403, 'insufficient_aal', 'AAL2 required to enroll a new factor'),
  aal2ToUnenroll: fixed(422, 'insufficient_aal', 'AAL2 required to unenroll verified factor'),
  factorNotFound: fixed(404, 'mfa_factor_not_found', 'Factor not found'),
  challengeNotFound: fixed(422, 'mfa_factor_not_found', 'MFA factor with the provided challenge ID not found'),
  factorNameTaken: (name: string) =>
    new AuthError(422, 'mfa_factor_name_conflict', `A factor with the friendly name ${JSON.stringify(name)} for this user already exists`),
  tooManyFactors: fixed(422, 'too_many_enrolled_mfa_factors', 'Maximum number of verified factors reached, unenroll to continue'),
  verifiedPhoneExists: fixed(
    422,
    'mfa_verified_factor_exists',
    'A verified phone factor already exists, unenroll the existing factor to continue',
  ),
  challengeElsewhere: fixed(422, 'mfa_ip_address_mismatch', 'Challenge and verify IP addresses mismatch.'),
  challengeExpired: (id: string) =>
    new AuthError(
      422,
      'mfa_challenge_expired',
      `MFA challenge ${id} has expired, verify against another challenge or create a new challenge.`,
    ),
  totpWrong: fixed(422, 'mfa_verification_failed', 'Invalid TOTP code entered'),
  phoneCodeWrong: fixed(422, 'mfa_verification_failed', 'Invalid MFA Phone code entered'),
  mfaRejected: worded(403, 'mfa_verification_rejected'),
  enrollDisabled: (code: string, kind: string) => new AuthError(422, code, `MFA enroll is disabled for ${kind}`),
  mfaVerifyDisabled: (code: string, kind: string) => new AuthError(422, code, `MFA verification is disabled for ${kind}`),
  linkingDisabled: fixed(404, 'manual_linking_disabled', 'Manual linking is disabled'),
  identityNotFound: fixed(422, 'identity_not_found', "Identity doesn't exist"),
  lastIdentity: fixed(422, 'single_identity_not_deletable', 'User must have at least 1 identity after unlinking'),
  identityEmailConflict: fixed(422, 'email_conflict_identity_not_deletable', 'Unable to unlink identity due to email conflict'),
  otherAudience: fixed(403, 'unexpected_audience', "Token audience doesn't match request audience"),
  flowNotFound: fixed(404, 'flow_state_not_found', 'invalid flow state, no valid flow state found'),
  linkFlowNotFound: (detail: string) => new AuthError(400, 'flow_state_not_found', `No associated flow state found. ${detail}`),
  flowExpired: fixed(422, 'flow_state_expired', 'invalid flow state, flow state has expired'),
  badCodeVerifier: fixed(400, 'bad_code_verifier', 'code challenge does not match previously saved code verifier'),
  providerDisabled: worded(400, 'provider_disabled'),
  identityExists: worded(422, 'identity_already_exists'),
  linkEmailExists: fixed(400, 'email_exists', DUPLICATE_EMAIL),
  linkedEmailUnverified: (provider: string) =>
    new AuthError(
      422,
      'email_not_confirmed',
      `Unverified email with ${provider}. A confirmation email has been sent to your ${provider} email`,
    ),
  providerEmailUnverified: (provider: string, mailed: boolean) =>
    new AuthError(
      422,
      'provider_email_needs_verification',
      mailed
        ? `Unverified email with ${provider}. A confirmation email has been sent to your ${provider} email`
        : `Unverified email with ${provider}. Verify the email with ${provider} in order to sign in`,
    ),
  tokenUserNotFound: fixed(404, 'user_not_found', 'User identified by token not found'),
  linkTargetNotFound: fixed(422, 'user_not_found', 'Linking target user not found'),
  inviteNotFound: fixed(404, 'invite_not_found', 'Invite not found'),
  badCallback: worded(400, 'bad_oauth_callback'),
  badState: worded(400, 'bad_oauth_state'),
  flowStateUsed: fixed(400, 'flow_state_already_used', 'State has already been used'),
  providerNotSupported: worded(400, 'oauth_provider_not_supported'),
  clientStateNotFound: fixed(422, 'oauth_client_state_not_found', 'OAuth state not found'),
  clientStateExpired: fixed(422, 'oauth_client_state_expired', 'OAuth state expired'),
  clientStateInvalid: worded(400, 'oauth_invalid_state'),
  ssoManaged: fixed(422, 'user_sso_managed', 'Updating email, phone, password of a SSO account only possible via SSO'),
  captcha: (detail: string) => new AuthError(400, 'captcha_failed', `captcha protection: request disallowed (${detail})`),
  requestRate: fixed(429, 'over_request_rate_limit', 'Request rate limit reached'),
  mailRate: fixed(429, 'over_email_send_rate_limit', 'email rate limit exceeded'),
  mailTooSoon: (seconds: number) =>
    new AuthError(429, 'over_email_send_rate_limit', `For security purposes, you can only request this after ${seconds} seconds.`),
  smsRate: fixed(429, 'over_sms_send_rate_limit', 'SMS rate limit exceeded'),
  smsTooSoon: (seconds: number) =>
    new AuthError(429, 'over_sms_send_rate_limit', `For security purposes, you can only request this after ${seconds} seconds.`),
  smsFailed: worded(422, 'sms_send_failed'),
  addressNotAuthorized: (address: string) =>
    new AuthError(400, 'email_address_not_authorized', `Email address "${address}" cannot be used as it is not authorized`),
  addressInvalid: (address: string) => new AuthError(400, 'email_address_invalid', `Email address "${address}" is invalid`),
  hookTimeout: fixed(422, 'hook_timeout', 'Failed to reach hook within maximum time of 5.000000 seconds'),
  hookUnreachable: fixed(422, 'hook_timeout_after_retry', 'Failed to reach hook after maximum retries'),
  hookTooLarge: fixed(422, 'hook_payload_over_size_limit', 'Payload size exceeded size limit of 204800 bytes'),
  hookContentType: worded(400, 'hook_payload_invalid_content_type'),
  ssoProviderNotFound: worded(404, 'sso_provider_not_found'),
  ssoProviderDisabled: worded(404, 'sso_provider_disabled'),
  ssoConflict: fixed(422, 'conflict', 'Updating SSO provider failed, likely due to a conflict. Try again?'),
  ssoDomainExists: worded(400, 'sso_domain_already_exists'),
  samlIdpExists: worded(422, 'saml_idp_already_exists'),
  samlIdpNotFound: fixed(404, 'saml_idp_not_found', 'A SAML connection has not been established with this Identity Provider'),
  samlEntityMismatch: worded(400, 'saml_entity_id_mismatch'),
  samlMetadataFetch: worded(400, 'saml_metadata_fetch_failed'),
  samlRelayNotFound: fixed(404, 'saml_relay_state_not_found', 'SAML RelayState does not exist, try logging in again?'),
  samlRelayExpired: fixed(422, 'saml_relay_state_expired', 'SAML RelayState has expired. Try logging in again?'),
  samlNoUserId: fixed(
    400,
    'saml_assertion_no_user_id',
    'SAML Assertion did not contain a persistent Subject Identifier attribute or Subject NameID uniquely identifying this user',
  ),
  samlNoEmail: fixed(400, 'saml_assertion_no_email', 'SAML Assertion does not contain an email address'),
  customProviderNotFound: fixed(404, 'custom_provider_not_found', 'Custom OAuth provider not found'),
  customProviderExists: fixed(400, 'conflict', 'A custom OAuth provider with this identifier already exists'),
  customProviderQuota: fixed(400, 'over_custom_provider_quota', 'Maximum number of custom OAuth/OIDC providers reached'),
  samlDisabled: fixed(404, 'saml_provider_disabled', 'SAML 2.0 is disabled'),
  web3Disabled: (chain: string) => new AuthError(422, 'web3_provider_disabled', `${chain} provider is disabled`),
  web3Unsupported: fixed(400, 'web3_unsupported_chain', 'Unsupported chain'),
  featureDisabled: worded(404, 'feature_disabled'),
  passkeysDisabled: fixed(404, 'passkey_disabled', 'Passkeys are disabled'),
  tooManyPasskeys: fixed(422, 'too_many_passkeys', 'Maximum number of passkeys reached'),
  passkeyChallengeNotFound: fixed(400, 'webauthn_challenge_not_found', 'Challenge not found or already used'),
  passkeyChallengeExpired: fixed(400, 'webauthn_challenge_expired', 'Challenge has expired'),
  passkeyRefused: worded(400, 'webauthn_verification_failed'),
  passkeyExists: fixed(422, 'webauthn_credential_exists', 'This credential is already registered'),
  aal2ForPasskeys: fixed(403, 'insufficient_aal', 'AAL2 session is required to manage passkeys when MFA is enabled'),
  userGone: fixed(403, 'user_not_found', 'User not found'),
  emailUnconfirmed: fixed(403, 'email_not_confirmed', 'Email not confirmed'),
  phoneUnconfirmed: fixed(403, 'phone_not_confirmed', 'Phone not confirmed'),
  clientRefused: worded(400, 'invalid_credentials'),
  clientUnknown: (message: string) => new AuthError(400, 'oauth_client_not_found', message),
  clientNotFound: fixed(404, 'oauth_client_not_found', 'OAuth client not found'),
  authorizationNotFound: fixed(404, 'oauth_authorization_not_found', 'authorization not found'),
  grantNotFound: fixed(404, 'oauth_consent_not_found', 'No active grant found for this client'),
  registrationDisabled: fixed(403, 'oauth_dynamic_client_registration_disabled', 'Dynamic client registration is not enabled'),
} as const
