// Changes the superuser's password while the server is down: the one way in when nobody knows the old one.
import { explain } from './explain.ts'
import type { ServerTree } from './overlay.ts'
import type { ClusterPlace } from './place.ts'
import { outcomeOf, spawnServerProgram } from './run.ts'

/** `verifier` is the stored form of the new password; SQL is read from stdin, one statement a line. */
export async function setSuperuserPassword(place: ClusterPlace, tree: ServerTree, role: string, verifier: string): Promise<void> {
  // Without the libraries that count statements: this one is nobody's business.
  const child = spawnServerProgram(
    tree,
    'postgres',
    ['--single', '-D', place.dataDir, '-c', 'log_min_messages=warning', '-c', 'shared_preload_libraries=', 'template1'],
    {
      user: place.user,
      cwd: place.dataDir,
      stdin: 'pipe',
      stdout: 'pipe',
    },
  )
  child.stdin?.on('error', () => {
    // Ended before it read: the exit code says so.
  })
  child.stdin?.end(`ALTER ROLE ${role} LOGIN SUPERUSER PASSWORD '${verifier}'\n`)
  const { code, output } = await outcomeOf(child)
  if (code !== 0 || /\b(ERROR|FATAL|PANIC):/.test(output)) {
    throw await explain({ doing: 'change the password of the database', dataDir: place.dataDir, output })
  }
}
