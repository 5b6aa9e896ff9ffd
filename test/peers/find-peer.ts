// Where the originals are that we measure and swap with: in PLINTH_PEERS, in GOBIN, or where `go install` puts them.
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export function findPeer(name: string): string | undefined {
  const { PLINTH_PEERS, GOBIN, GOPATH } = process.env
  const folders = [PLINTH_PEERS, GOBIN, GOPATH && join(GOPATH, 'bin'), join(homedir(), 'go', 'bin')]
  return folders.flatMap((folder) => (folder ? [join(folder, name)] : [])).find((file) => existsSync(file))
}

/** How the original of Auth is built: its module has no /v2 path, so a commit is named. */
export const HOW_TO_BUILD_AUTH =
  'GOBIN=DIR go install github.com/supabase/auth@bc32168e13fdc928c98b449fc76bc3fdb9a293c5, then PLINTH_PEERS=DIR'
