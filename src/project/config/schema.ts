// The whole of config.toml: one schema per top-level table, and the type that the rest of the program sees.
import { z } from 'zod'
import { api } from './api.ts'
import { auth } from './auth/auth.ts'
import { db } from './db.ts'
import { experimental } from './experimental.ts'
import { text } from './fields.ts'
import { functions } from './functions.ts'
import { remotes } from './remotes.ts'
import { analytics, edgeRuntime, inbucket, realtime, studio } from './services.ts'
import { storage } from './storage.ts'

export const projectSchema = z.strictObject({
  project_id: text,
  api,
  db,
  realtime,
  studio,
  inbucket,
  storage,
  auth,
  edge_runtime: edgeRuntime,
  functions: functions.default({}),
  analytics,
  experimental: experimental.default({}),
  remotes: remotes.default({}),
})
export type ProjectConfig = z.output<typeof projectSchema>
