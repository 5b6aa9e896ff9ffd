// The plugins there are. The only file that changes when one is added.
import type { Plugin } from '../plugin.ts'
import { acl } from './acl.ts'
import { basicAuth } from './basic-auth.ts'
import { cors } from './cors.ts'
import { postFunction, preFunction } from './functions.ts'
import { ipRestriction } from './ip-restriction.ts'
import { keyAuth } from './key-auth.ts'
import { requestTermination } from './request-termination.ts'
import { requestTransformer } from './request-transformer.ts'
import { responseTransformer } from './response-transformer.ts'

export const plugins: ReadonlyMap<string, Plugin> = new Map(
  [
    acl,
    basicAuth,
    cors,
    ipRestriction,
    keyAuth,
    postFunction,
    preFunction,
    requestTermination,
    requestTransformer,
    responseTransformer,
  ].map((plugin) => [plugin.name, plugin]),
)
