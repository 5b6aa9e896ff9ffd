// What a tenant's database tells by itself: changes of tables, and messages that SQL has sent.
import type { ChangesFeed, DatabaseBroadcasts } from '../changes/feed.ts'
import type { Tenant } from './tenant.ts'

export interface Feeds {
  readonly changes: ChangesFeed
  readonly broadcasts: DatabaseBroadcasts
}

/** Connects to nothing before somebody subscribes. Undefined for a tenant without a database. */
export function openFeeds(_tenant: Tenant): Feeds | undefined {
  return undefined
}
