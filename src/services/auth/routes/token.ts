import { errors } from '../errors.ts'
import { type Answer, type Call, formValue, ok } from '../request/call.ts'
import { publicRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { idTokenGrant } from './grants/id-token.ts'
import { passwordGrant } from './grants/password.ts'
import { pkceGrant } from './grants/pkce.ts'
import { refreshTokenGrant } from './grants/refresh-token.ts'
import { web3Grant } from './grants/web3.ts'

type Grant = (call: Call, state: AuthState) => Promise<unknown>

const grants: Readonly<Record<string, Grant>> = {
  password: passwordGrant,
  refresh_token: refreshTokenGrant,
  pkce: pkceGrant,
  id_token: idTokenGrant,
  web3: web3Grant,
}
const WITHOUT_CAPTCHA = new Set(['refresh_token', 'pkce', 'id_token'])

/** Something for a session: a password, a refresh token, a code. */
export const token = publicRoute({
  method: 'POST',
  path: '/token',
  captcha: (call) => !WITHOUT_CAPTCHA.has(formValue(call, 'grant_type')),
  async handle(call, state): Promise<Answer> {
    const name = formValue(call, 'grant_type')
    if (!Object.hasOwn(grants, name)) throw errors.unsupportedGrant()
    await state.limits.request(name === 'web3' ? 'web3' : 'token', call)
    return ok(await grants[name]!(call, state))
  },
})
