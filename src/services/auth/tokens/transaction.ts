// Transactions that end with an access token. A hook behind a URL is asked within them, so that a refusal undoes everything; so only half of
// the connections may be waiting for one at a time, and whoever needs no new token finds the others free.
import type { AuthState } from '../state.ts'
import { type Tx, transaction } from '../tables/database.ts'

/** Throws `request_timeout` when there is no turn in time. */
export function tokenTransaction<Result>({ hooks, pool, hookedTokens }: AuthState, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  const waits = hooks.enabled('CUSTOM_ACCESS_TOKEN') && !hooks.isFunction('CUSTOM_ACCESS_TOKEN')
  return waits ? hookedTokens.run(() => transaction(pool, work)) : transaction(pool, work)
}
