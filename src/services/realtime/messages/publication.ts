// The publication of realtime.messages: made where it is missing, made anew where it holds anything else.
import type { Executor } from '../../../pg/executor.ts'

export const MESSAGES_PUBLICATION = 'supabase_realtime_messages_publication'

/** One instance at a time. */
const LOCK = 7_310_210_031_451n

const IS_RIGHT = `
select not p.puballtables and p.pubinsert
   and (select array_agg(r.prrelid) from pg_publication_rel r where r.prpubid = p.oid) = array['realtime.messages'::regclass::oid]
   and not exists (select from pg_publication_namespace n where n.pnpubid = p.oid)
  from pg_publication p where p.pubname = '${MESSAGES_PUBLICATION}'`

export async function preparePublication(executor: Executor): Promise<void> {
  const [found] = await executor.run({ statements: [{ text: IS_RIGHT }] })
  if (String(found!.rows[0]?.[0]) === 't') return
  await executor.run({
    statements: [
      { text: `select pg_advisory_xact_lock(${LOCK})` },
      {
        text: `do $$ begin
          if (${IS_RIGHT}) is not true then
            drop publication if exists ${MESSAGES_PUBLICATION};
            create publication ${MESSAGES_PUBLICATION} for table realtime.messages;
          end if;
        end $$`,
        prepare: false,
      },
    ],
  })
}
