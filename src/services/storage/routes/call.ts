// From a request to who asks, and in which operation.
import type { FastifyRequest } from 'fastify'
import type { Call, Caller } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { errors } from '../errors.ts'

/** Throws where there is no token (as the schema of upstream says it) or one that does not hold. */
export function requireCaller({ tokens }: StorageContext, request: FastifyRequest): Promise<Caller> {
  const { authorization } = request.headers
  if (authorization === undefined) throw errors.invalidShape("headers must have required property 'authorization'")
  return tokens.caller(authorization)
}

/** A caller whose token does not hold is nobody in particular: `undefined`. */
export async function anyCaller({ tokens }: StorageContext, request: FastifyRequest): Promise<Caller | undefined> {
  const { authorization } = request.headers
  if (authorization === undefined) return undefined
  try {
    return await tokens.caller(authorization)
  } catch {
    return undefined // as upstream: a bad token is none
  }
}

export async function requireService(ctx: StorageContext, request: FastifyRequest): Promise<Caller> {
  const caller = await requireCaller(ctx, request)
  if (caller.role !== ctx.config.roles.service) throw errors.invalidRole()
  return caller
}

export const callOf = (request: FastifyRequest, caller: Caller, operation: string): Call => ({
  caller,
  operation,
  request: { id: request.id, method: request.method, path: request.url, headers: request.headers },
})
