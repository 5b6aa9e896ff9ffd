// Where the embedded server runs beside it, REST reaches it by its socket in the file system: half the kernel's work of TCP per request.
import { placeCluster } from '../services/db/server/place.ts'
import type { NodeDescription } from './description.ts'

/** The nodes, with REST's connection string led over the socket folder of the embedded server. Strings that lead elsewhere stay. */
export async function nearDatabase(nodes: readonly NodeDescription[]): Promise<readonly NodeDescription[]> {
  const database = nodes.find(({ kind }) => kind === 'db')?.env
  if (!database || database['POSTGRES_HOST'] || process.platform === 'win32') return nodes
  const runDir = await placeCluster({ stateDir: database['PLINTH_STATE_DIR'], pgdata: database['PGDATA'] }).then(
    (place) => place.runDir,
    () => undefined, // the start of the database says what is wrong with its place
  )
  if (runDir === undefined) return nodes
  return nodes.map((node) => {
    const uri = node.env['PGRST_DB_URI']
    if (node.kind !== 'rest' || node.place.at === 'address' || !uri || !URL.canParse(uri)) return node
    const { hostname, port, search } = new URL(uri)
    if (search !== '' || hostname !== '127.0.0.1' || port !== database['POSTGRES_PORT']) return node
    return { ...node, env: { ...node.env, PGRST_DB_URI: `${uri}?host=${encodeURIComponent(runDir)}` } }
  })
}
