// The key that vault encrypts with: a file beside the data that the server alone can read, as upstream's image has it.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ClientBase } from 'pg'
import type { Logger } from '../../../log/log.ts'
import { readIfThere, writeWhole } from './files.ts'
import type { ClusterPlace } from './place.ts'

const FILE = 'pgsodium_root.key'

/** Before the server starts: a key has to be there. */
export async function ensureRootKey(place: ClusterPlace, wanted: string | undefined): Promise<void> {
  const path = join(place.dataDir, FILE)
  if ((await readIfThere(path)) === undefined) await writeWhole(path, wanted ?? randomBytes(32).toString('hex'), 0o600, place.user)
}

/** After it has started: another key is taken over only while nothing is encrypted with the old one. */
export async function reconcileRootKey(place: ClusterPlace, wanted: string | undefined, client: ClientBase, log: Logger): Promise<void> {
  const path = join(place.dataDir, FILE)
  if (wanted === undefined || (await readIfThere(path)) === wanted) return
  const { rows } = await client.query<{ there: boolean }>(`select to_regclass('vault.secrets') is not null as there`)
  if (rows[0]?.there && ((await client.query('select from vault.secrets limit 1')).rowCount ?? 0) > 0) {
    log.warn(
      { file: path },
      'the root key has changed, but secrets of vault are encrypted with the old one, which stays in use; to change it, delete and create them anew',
    )
    return
  }
  await writeWhole(path, wanted, 0o600, place.user)
}
