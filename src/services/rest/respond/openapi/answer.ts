// `GET /`: the OpenAPI document of the request's schema, as far as the role may touch it.
import type { Cancellation } from '../../../../pg/executor.ts'
import type { Session } from '../../auth.ts'
import type { RestConfig } from '../../config.ts'
import { RestError } from '../../errors.ts'
import { typeName } from '../../parse/media-type.ts'
import type { Request } from '../../parse/request.ts'
import type { Transactions } from '../../run/transaction.ts'
import type { SchemaCache } from '../../schema-cache/types.ts'
import type { Answer, HeaderLine } from '../answer.ts'
import { openApiDocument } from './document.ts'
import { visibleTo } from './visible.ts'

export interface OpenApiContext {
  readonly config: RestConfig
  readonly cache: SchemaCache
  readonly transactions: Transactions
}

const ACCEPTED = new Set(['json', 'any', 'openapi'])

/** Throws PGRST126 where the document is turned off and PGRST107 where another type is wanted. */
export async function openApiAnswer(
  request: Request,
  session: Session,
  { config, cache, transactions }: OpenApiContext,
  cancellation: Cancellation,
): Promise<Answer> {
  if (!request.accepted.some(({ kind }) => ACCEPTED.has(kind))) {
    throw new RestError('PGRST107', { words: request.accepted.map(typeName).join(', ') })
  }
  if (config.openapiMode === 'disabled') throw new RestError('PGRST126')
  const visible = await visibleTo(session, request.schema, config, cache, transactions, cancellation)
  const headers: HeaderLine[] = [['Content-Type', 'application/openapi+json; charset=utf-8']]
  if (request.namesSchema) headers.push(['Content-Profile', request.schema])
  if (request.isHead) return { status: 200, headers, body: undefined }
  return { status: 200, headers, body: Buffer.from(JSON.stringify(openApiDocument(visible, config))) }
}
