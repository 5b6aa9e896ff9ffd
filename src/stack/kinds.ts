// The services that exist: kind to definition, each loaded when first needed.
import type { ServiceDefinition } from '../service/definition.ts'

export const kinds: Readonly<Record<string, () => Promise<ServiceDefinition>>> = {
  auth: async () => (await import('../services/auth/index.ts')).auth,
  gateway: async () => (await import('../services/gateway/index.ts')).gateway,
  db: async () => (await import('../services/db/index.ts')).db,
  rest: async () => (await import('../services/rest/index.ts')).rest,
  storage: async () => (await import('../services/storage/index.ts')).storage,
  mail: async () => (await import('../services/mail/index.ts')).mail,
  realtime: async () => (await import('../services/realtime/index.ts')).realtime,
  imgproxy: async () => (await import('../services/imgproxy/index.ts')).imgproxy,
}

export async function loadKind(kind: string): Promise<ServiceDefinition> {
  const load = kinds[kind]
  if (!load) throw new Error(`Unknown service ${kind}: there are ${Object.keys(kinds).join(', ')}`)
  return load()
}
