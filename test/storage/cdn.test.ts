// What a cache in front is told to forget.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { startStorageDatabase } from '../support/storage-database.ts'
import { ANON_KEY, startStorage } from '../support/storage-service.ts'

test('/cdn passes on what is to be forgotten, for the service role alone', async () => {
  const told: unknown[] = []
  let status = 200
  const cdn = createServer(async (req: IncomingMessage, res) => {
    told.push([req.url, req.headers.authorization, JSON.parse(await text(req))])
    res.writeHead(status).end()
  })
  await new Promise<void>((resolve) => cdn.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(cdn.address() as AddressInfo).port}/api/`
  try {
    await using database = await startStorageDatabase()
    await using storage = await startStorage(database, { CDN_PURGE_ENDPOINT_URL: endpoint, CDN_PURGE_ENDPOINT_KEY: 'key' })
    await using without = await startStorage(database)
    for (const path of ['/cdn', '/cdn/b?transformations=true', '/cdn/b/d/a.txt']) {
      const answer = await storage.call('DELETE', path)
      expect([answer.status, await answer.json()]).toEqual([200, { message: 'success', statusCode: '200' }])
    }
    const tenant = { ref: 'stub' }
    expect(told).toEqual([
      ['/api/purge', 'Bearer key', { type: 'tenant', tenant }],
      ['/api/purge', 'Bearer key', { type: 'bucket-transforms', tenant, bucketId: 'b' }],
      ['/api/purge', 'Bearer key', { type: 'object', tenant, bucketId: 'b', objectName: 'd/a.txt' }],
    ])
    const refused = await storage.call('DELETE', '/cdn', { token: ANON_KEY })
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'AccessDenied' }])
    expect(told).toHaveLength(3)
    status = 500
    expect((await storage.call('DELETE', '/cdn')).status).toBe(500)
    const missing = await without.call('DELETE', '/cdn')
    expect([missing.status, await missing.json()]).toMatchObject([
      400,
      { code: 'MissingParameter', message: 'Missing Required Parameter CDN_PURGE_ENDPOINT_URL is not set' },
    ])
  } finally {
    cdn.close()
    cdn.closeAllConnections()
  }
})
