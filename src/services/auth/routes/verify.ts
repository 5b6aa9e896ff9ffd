import { z } from 'zod'
import { act, type CodeProof, checkByProvider, proveByCode, proveByHash } from '../accounts/verify.ts'
import { errors } from '../errors.ts'
import { PKCE_PREFIX, tokenHash } from '../otp/code.ts'
import { sendNotice } from '../otp/notices.ts'
import { redirectError } from '../redirect-error.ts'
import { acceptEmail, acceptPhone } from '../request/addresses.ts'
import { audienceOf } from '../request/bearer.ts'
import { readBody, string } from '../request/body.ts'
import { type Answer, type Call, formValue, ok, redirect } from '../request/call.ts'
import { encodeForm, withFragment, withQuery } from '../request/form.ts'
import { redirectTarget } from '../request/redirect-target.ts'
import { publicRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { issueAuthCode } from '../tables/flow-states.ts'
import type { User } from '../tables/users.ts'
import { type TokenAnswer, tokenFragment } from '../tokens/answer.ts'
import { issueSession } from '../tokens/issue.ts'
import { tokenTransaction } from '../tokens/transaction.ts'

const HALF = 'Confirmation link accepted. Please proceed to confirm link sent to the other email'

/** A link of a mail, opened: always a redirect, to a session, a code, or an error. */
export const verifyLink = publicRoute({
  method: 'GET',
  path: '/verify',
  limit: 'verify',
  async handle(call, state) {
    const hash = formValue(call, 'token')
    const type = formValue(call, 'type')
    if (type === '') throw errors.validation('Verify requires a verification type')
    if (hash === '') throw errors.validation('Verify requires a token or a token hash')
    const target = redirectTarget(call, state.redirects)
    const pkce = hash.startsWith(PKCE_PREFIX)
    try {
      return redirect(303, await follow(state, call, type, hash, pkce, target))
    } catch (error) {
      return redirect(303, redirectError(error, { target, inQuery: pkce, id: call.id }, state.log))
    }
  },
})

async function follow(state: AuthState, call: Call, type: string, hash: string, pkce: boolean, target: string): Promise<string> {
  const done = await tokenTransaction(state, async (tx) => {
    const proof = await proveByHash(state, tx, type, hash)
    const user = await act(state, tx, call, proof)
    if (!user) return undefined
    const change = { before: proof.user, after: user }
    if (!pkce)
      return { ...change, location: withFragment(target, tokenFragment(await issueSession(state, tx, call, user, 'otp'), proof.type)) }
    const code = await issueAuthCode(tx, user.id, methodOf(proof.type))
    if (code === undefined) throw errors.linkFlowNotFound('Flow State not found')
    return { ...change, location: withQuery(target, { code }) }
  })
  if (!done) return halfway(target, pkce)
  await tellOfChange(state, call, done.before, done.after)
  return done.location
}

const methodOf = (type: string): string => (type === 'signup' ? 'email/signup' : type)

/** The `%` of the message's own encoding is encoded once more in the fragment, as upstream does it. */
function halfway(target: string, pkce: boolean): string {
  const fragment = encodeForm({ message: HALF, sb: '' }).replaceAll('%', '%25')
  return withQuery(target, pkce ? { message: HALF } : {}, fragment)
}

const body = z.object({ type: string, token: string, token_hash: string, email: string, phone: string, redirect_to: string })
type Params = z.output<typeof body>

/** A code with its address, or the hash of a link: the answer is the session. */
export const verifyCode = publicRoute({
  method: 'POST',
  path: '/verify',
  limit: 'verify',
  async handle(call, state): Promise<Answer> {
    const params = readBody(call, body)
    const aud = audienceOf(state, call)
    const proof = acceptProof(params)
    const checked = 'code' in proof ? await checkByProvider(state, proof, aud) : undefined
    const done = await tokenTransaction(state, async (tx) => {
      const proven = checked ? await proveByCode(state, tx, checked, aud) : await proveByHash(state, tx, proof.type, proof.hash)
      const user = await act(state, tx, call, proven)
      return user && { before: proven.user, after: user, answer: (await issueSession(state, tx, call, user, 'otp')) as TokenAnswer }
    })
    if (!done) return ok({ code: '200', msg: HALF })
    await tellOfChange(state, call, done.before, done.after)
    return ok(done.answer)
  },
})

function acceptProof({
  type,
  token,
  token_hash: hash,
  email,
  phone,
  redirect_to: target,
}: Params): CodeProof | { readonly type: string; readonly hash: string } {
  if (type === '') throw errors.validation('Verify requires a verification type')
  if ((token === '') === (hash === '')) throw errors.validation('Verify requires either a token or a token hash')
  if (hash !== '') {
    if (email !== '' || phone !== '' || target !== '') throw errors.validation('Only the token_hash and type should be provided')
    return { type, hash }
  }
  if ((email === '') === (phone === '')) throw errors.validation('Only an email address or phone number should be provided on verify')
  if (phone !== '') {
    const number = acceptPhone(phone)
    return { type, email: '', phone: number, code: token, hash: tokenHash(number, token) }
  }
  const address = acceptVerifyEmail(email)
  return { type, email: address, phone: '', code: token, hash: tokenHash(address, token) }
}

function acceptVerifyEmail(email: string): string {
  try {
    return acceptEmail(email)
  } catch (error) {
    throw errors.validation422('Invalid email format', error)
  }
}

async function tellOfChange(state: AuthState, call: Call, before: User, after: User): Promise<void> {
  if (before.email !== '' && before.email !== after.email) await sendNotice(state, call, after, 'EMAIL_CHANGED', { oldEmail: before.email })
  if (before.phone !== '' && before.phone !== after.phone) await sendNotice(state, call, after, 'PHONE_CHANGED', { oldPhone: before.phone })
}
