import { z } from 'zod'
import { errors } from '../../errors.ts'
import { readBody, string } from '../../request/body.ts'
import type { Call } from '../../request/call.ts'
import type { AuthState } from '../../state.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'

const body = z.object({ chain: string, message: string, signature: string })

/** No chain signs in here yet: the answers are those of a service where they are off. */
export async function web3Grant(call: Call, _state: AuthState): Promise<TokenAnswer> {
  const { chain } = readBody(call, body)
  if (chain === 'solana') throw errors.web3Disabled('Solana Web3')
  if (chain === 'ethereum') throw errors.web3Disabled('Ethereum Web3')
  throw errors.web3Unsupported()
}
