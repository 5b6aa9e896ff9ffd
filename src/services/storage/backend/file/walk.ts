// Everything that lies in the tree, for housekeeping: versions, and what a crash or an older release has left beside them.
import type { Dirent } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredVersion } from '../backend.ts'
import { versionOfKey } from '../keys.ts'
import { bucketFolder, type Layout, tenantFolder } from './paths.ts'

const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

async function* entries(folder: string): AsyncGenerator<Dirent> {
  try {
    for await (const entry of await opendir(folder, { bufferSize: 256 })) yield entry
  } catch (error) {
    // Removed while we came along.
    if (!missing(error)) throw error
  }
}

export async function* bucketsOf(layout: Layout): AsyncGenerator<string> {
  for await (const entry of entries(tenantFolder(layout))) if (entry.isDirectory()) yield entry.name
}

export async function* versionsOf(layout: Layout, bucket: string): AsyncGenerator<StoredVersion> {
  // Folders wait in a list and not on the stack: names may be hundreds of segments deep. Links are neither files nor folders here.
  const waiting: string[][] = [[]]
  for (let segments = waiting.pop(); segments; segments = waiting.pop()) {
    const folder = join(bucketFolder(layout, bucket), ...segments)
    for await (const entry of entries(folder)) {
      const path = [...segments, entry.name]
      if (entry.isDirectory()) waiting.push(path)
      if (!entry.isFile()) continue
      const of = versionOfKey(bucket, path.join('/'), layout.separator)
      if (!of) continue
      try {
        const { size, mtime } = await lstat(join(folder, entry.name))
        yield { ...of, size, lastModified: mtime }
      } catch (error) {
        if (!missing(error)) throw error
      }
    }
  }
}
