// Storage of its own for a test: the service on a free port with a folder for its bytes; ended with `await using`.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { type Logger, silentLog } from '../../src/log/log.ts'
import { storageEnv } from '../../src/services/storage/env.ts'
import { storage } from '../../src/services/storage/index.ts'
import { sign } from './auth-service.ts'
import type { StorageDatabase } from './storage-database.ts'

export const tokenOf = (claims: object): string => sign({ aud: 'authenticated', exp: Math.floor(Date.now() / 1_000) + 3_600, ...claims })
export const SERVICE_KEY = tokenOf({ role: 'service_role' })
export const ANON_KEY = tokenOf({ role: 'anon' })
export const S3_KEY = { accessKeyId: 'test-access-key', secretAccessKey: 'test-secret-key' }

export interface TestStorage extends AsyncDisposable {
  readonly url: string
  /** Where the bytes lie. */
  readonly folder: string
  call(method: string, path: string, options?: { body?: BodyInit; token?: string; headers?: Record<string, string> }): Promise<Response>
  /** Files below the folder of objects: what is left of bytes. */
  files(): string[]
}

export async function startStorage(
  database: StorageDatabase,
  variables: Record<string, string> = {},
  log: Logger = silentLog,
): Promise<TestStorage> {
  const folder = mkdtempSync(join(tmpdir(), 'plinth-test-storage-'))
  const more = {
    SERVICE_KEY,
    ANON_KEY,
    UPLOAD_FILE_SIZE_LIMIT: '52428800',
    REGION: 'local',
    S3_PROTOCOL_ACCESS_KEY_ID: S3_KEY.accessKeyId,
    S3_PROTOCOL_ACCESS_KEY_SECRET: S3_KEY.secretAccessKey,
    ...variables,
  }
  const env = readEnv(storageEnv, database.variables(folder, more))
  const service = await storage.start(env, { log, dispatcher: new Dispatcher(), signal: new AbortController().signal })
  const listening = await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)
  const url = `http://127.0.0.1:${listening.port}`
  return {
    url,
    folder,
    call: (method, path, { body, token = SERVICE_KEY, headers = {} } = {}) =>
      fetch(url + path, { method, headers: { authorization: `Bearer ${token}`, ...headers }, ...(body !== undefined && { body }) }),
    files: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        // Where the file system has no attributes, they lie beside each file.
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.attributes'))
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)),
    async [Symbol.asyncDispose]() {
      await listening.close(0)
      await service.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
