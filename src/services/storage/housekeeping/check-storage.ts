// `plinth storage check` without the command line: variables in, findings out.
import type { Logger } from '../../../log/log.ts'
import { openBackend } from '../backend/open.ts'
import { configOf } from '../config.ts'
import { prepareDatabase } from '../database/prepare.ts'
import type { StorageEnv } from '../env.ts'
import { type CheckOptions, type Findings, findOrphans, mend } from './check.ts'
import { withConnection } from './connection.ts'
import { settleIntents } from './settle.ts'

export interface StorageCheck extends CheckOptions {
  readonly repair: boolean
  /** Also where most rows have lost their files, which a disk that is not mounted looks like. */
  readonly force: boolean
  readonly log?: Logger
}

export interface StorageReport extends Findings {
  readonly mended: { readonly files: number; readonly rows: number; readonly uploads: number; readonly settled: number } | undefined
}

/** More lost rows than this, and more than half of all, are not deleted without being asked twice. */
const MANY = 10

export class TooManyLost extends Error {}

export async function checkStorage(env: StorageEnv, options: StorageCheck): Promise<StorageReport> {
  await prepareDatabase(env)
  const backend = await openBackend(env, configOf(env))
  try {
    return await withConnection(env.DATABASE_URL, async (client) => {
      const settled = options.repair ? await settleIntents(client, backend, options.signal) : 0
      const findings = await findOrphans(client, backend, options)
      if (!options.repair) return { ...findings, mended: undefined }
      const lost = findings.rowsWithoutFile.length
      if (!options.force && lost > MANY && lost > findings.rows / 2) {
        throw new TooManyLost(
          `${lost} of ${findings.rows} objects have lost their bytes. Is this the right folder or bucket, and is it mounted?`,
        )
      }
      return { ...findings, mended: { ...(await mend(client, backend, findings, options)), settled } }
    })
  } finally {
    await backend.close()
  }
}
