// Types, casts and generated columns may run functions that a user wrote. They run as the owner of the table, never as this service.
import type { Statement } from '../../../pg/executor.ts'

/** For the rest of the transaction. A login that is no superuser has nothing that it must not lend, and often may not become the owner. */
export const asOwner = (owner: string): Statement => ({
  text: `select set_config('role', case when (select rolsuper from pg_roles where rolname = session_user) then $1 else 'none' end, true)`,
  values: [owner],
})
