// What a service that owns a schema exports from its folder `migrations/`, whether or not the rest of it exists.
import type { ClientBase } from 'pg'

export interface SchemaMigrations {
  readonly service: string
  /** The role that owns the objects. The caller has connected as it, or has `set role` to it. */
  readonly role: string
  /**
   * Brings the schema to the current version under an advisory lock, in one transaction where it can, and leaves upstream's rows
   * (names, hashes) in upstream's own record table. A database that upstream has migrated, wholly or in part, is taken over. Idempotent.
   */
  migrate(client: ClientBase): Promise<void>
}
