import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { afterUserCreated } from '../../accounts/create.ts'
import { acceptExternal, prepareExternal } from '../../accounts/external.ts'
import { AuthError, errors, OAuthError } from '../../errors.ts'
import { readBody, string } from '../../request/body.ts'
import type { Call } from '../../request/call.ts'
import type { AuthState } from '../../state.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'
import { issueSession } from '../../tokens/issue.ts'
import { tokenTransaction } from '../../tokens/transaction.ts'
import { type Chain, readMessage, type SignInMessage } from '../../web3/message.ts'
import { signedByEthereum, signedBySolana } from '../../web3/signatures.ts'

const body = z.object({ chain: string, message: string, signature: string })
const MIN_BYTES = 64
const MAX_BYTES = 20 * 1024
const NAMES: Readonly<Record<Chain, string>> = { solana: 'Solana', ethereum: 'Ethereum' }

/** A message that a wallet signed: a session of whom its address stands for. */
export async function web3Grant(call: Call, state: AuthState): Promise<TokenAnswer> {
  const { env } = state
  const enabled = { solana: env.GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED, ethereum: env.GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED }
  if (!enabled.solana && !enabled.ethereum) throw errors.web3Disabled('Web3')
  const { chain, message: text, signature } = readBody(call, body)
  if (chain !== 'solana' && chain !== 'ethereum') throw errors.web3Unsupported()
  if (!enabled[chain]) throw errors.web3Disabled(`${NAMES[chain]} Web3`)
  const size = Buffer.byteLength(text)
  if (size < MIN_BYTES) throw errors.validation('message is too short')
  if (size > MAX_BYTES) throw errors.validation('message must not exceed 20KB')
  const message = chain === 'solana' ? readSolana(text, signature) : readEthereum(text, signature)
  checkSite(state, message, NAMES[chain])
  checkTimes(message, chain, validityOf(env, chain))
  return signIn(state, call, chain, message)
}

const validityOf = (env: AuthState['env'], chain: Chain): number =>
  chain === 'solana'
    ? env.GOTRUE_EXTERNAL_WEB3_SOLANA_MAXIMUM_VALIDITY_DURATION
    : env.GOTRUE_EXTERNAL_WEB3_ETHEREUM_MAXIMUM_VALIDITY_DURATION

const refused = (words: string): OAuthError => new OAuthError('invalid_grant', words)

function readSolana(text: string, signature: string): SignInMessage {
  if (signature.length !== 86 && signature.length !== 88)
    throw errors.validation('signature must be 64 bytes encoded as base64 with or without padding')
  const plain = signature.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_')
  const bytes = Buffer.from(plain, 'base64url')
  if (!/^[A-Za-z0-9_-]+$/.test(plain) || plain.length % 4 === 1)
    throw errors.validation('signature does not contain valid base64 characters')
  const message = readMessage('solana', text)
  if (!signedBySolana(message, bytes)) throw refused('Signature does not match address in message')
  return message
}

function readEthereum(text: string, signature: string): SignInMessage {
  const hex = signature.replace(/^0x/, '')
  if (hex.length !== 130) throw errors.validation('signature must be 65 bytes long, encoded as a 130 character-long hexadecimal string')
  const message = readMessage('ethereum', text)
  if (!/^[0-9a-fA-F]+$/.test(hex) || !signedByEthereum(message, Buffer.from(hex, 'hex')))
    throw refused('Signature does not match address in message')
  return message
}

/** The message must have been signed for this site. */
function checkSite({ redirects }: AuthState, { uri, uriText, domain }: SignInMessage, name: string): void {
  const local = uri.hostname === 'localhost'
  if (uri.protocol !== 'https:' && !local) throw refused(`Signed ${name} message is using URI which does not use HTTPS`)
  if (!redirects.allowed(uriText))
    throw refused(`Signed ${name} message is using URI which is not allowed on this server, message was signed for another app`)
  if (!local && (hostOf(uriText) !== domain || !redirects.allowed(`https://${domain}/`)))
    throw refused(`Signed ${name} message is using a Domain that does not match the one in URI which is not allowed on this server`)
}

/** Host and port as they were written: a URL would drop the port that is the usual one. */
const hostOf = (uri: string): string => /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#]*)/i.exec(uri)?.[1] ?? ''

function checkTimes({ issuedAt, expiresAt, notBefore }: SignInMessage, chain: Chain, validityMs: number): void {
  const name = NAMES[chain]
  const now = Date.now()
  if (notBefore !== undefined && now < notBefore) throw refused(`Signed ${name} message becomes valid in the future`)
  if (expiresAt !== undefined && now > expiresAt) throw refused(`Signed ${name} message is expired`)
  if (now > issuedAt + validityMs) throw refused(`${name} message was issued too long ago`)
  if (now < issuedAt - validityMs) throw refused(`${name} message was issued too far in the future`)
}

async function signIn(state: AuthState, call: Call, chain: Chain, message: SignInMessage): Promise<TokenAnswer> {
  const { address, chainId: network, domain } = message
  const statement = message.statement ?? (chain === 'solana' ? '' : null)
  const external = {
    provider: 'web3',
    user: { emails: [], claims: { sub: `web3:${chain}:${address}`, custom_claims: { address, chain, network, domain, statement } } },
    emailOptional: true,
  }
  const draft = await prepareExternal(state, call, external)
  try {
    const done = await tokenTransaction(state, async (tx) => {
      const accepted = await acceptExternal(state, tx, call, external, draft)
      const traits = { provider: 'web3', chain, network, address, domain, uri: message.uriText }
      await audit(state, tx, call, accepted.user, 'login', traits)
      return { ...accepted, answer: await issueSession(state, tx, call, accepted.user, 'web3') }
    })
    if (done.created) await afterUserCreated(state, call, done.user)
    return done.answer
  } catch (error) {
    if (error instanceof AuthError || error instanceof OAuthError) throw error
    state.log.error({ request_id: call.id, err: error }, 'a wallet sign-in failed')
    throw new OAuthError('server_error', 'Internal Server Error')
  }
}
