// api.auto_expose_new_tables: whether what `postgres` makes in the schema public is open to the API roles without a grant.
import type { Client } from 'pg'
import { runPipeline } from './pipeline.ts'

const REVOKE = ['select, insert, update, delete on tables', 'usage, select on sequences', 'execute on functions'].map((what) => ({
  text: `alter default privileges for role postgres in schema public revoke ${what} from anon, authenticated, service_role`,
}))

/** Unset counts as true: the default privileges stay as the database's own set-up has made them. */
export async function applyApiPrivileges(client: Client, autoExpose: boolean | undefined): Promise<void> {
  if (autoExpose === false) await runPipeline(client, REVOKE)
}
