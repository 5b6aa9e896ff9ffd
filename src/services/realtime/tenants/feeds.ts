// What a tenant's database tells by itself: changes of tables, and messages that SQL has sent.
import { openChanges } from '../changes/changes.ts'
import type { ChangesFeed, DatabaseBroadcasts } from '../changes/feed.ts'
import { openDatabaseBroadcasts } from '../messages/broadcasts.ts'
import { connectionOf } from './database.ts'
import type { Tenant } from './tenant.ts'

export interface Feeds {
  readonly changes: ChangesFeed
  readonly broadcasts: DatabaseBroadcasts
}

/** Connects to nothing before somebody subscribes. Undefined for a tenant without a database. */
export function openFeeds({ address, settings, env, log }: Tenant): Feeds | undefined {
  if (address === undefined || settings === undefined) return undefined
  const common = {
    connection: connectionOf(address, env, 'realtime'),
    log,
    ...(env.SLOT_NAME_SUFFIX === undefined ? {} : { slotSuffix: env.SLOT_NAME_SUFFIX }),
  }
  const { publication, slotName, maxRecordBytes } = settings
  return {
    changes: openChanges({ ...common, publication, slotName, maxRecordBytes }),
    broadcasts: openDatabaseBroadcasts(common),
  }
}
