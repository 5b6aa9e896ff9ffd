// Builds dist/: type-stripped JavaScript and declarations by tsc, and the files that the program reads at run time (SQL, pages, templates).
// The old dist/ stays until the new one is whole.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const next = join(root, 'dist.next')
const readAtRunTime = /\.(sql|control|html|css|svg|yml|toml|json|txt|mjs)$/

rmSync(next, { recursive: true, force: true })
const tsc = spawnSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.json'), '--outDir', next],
  { stdio: 'inherit', cwd: root },
)
if (tsc.status !== 0) {
  rmSync(next, { recursive: true, force: true })
  process.exit(tsc.status ?? 1)
}
cpSync(join(root, 'src'), next, {
  recursive: true,
  filter: (path) => !/\.[^/]+$/.test(path.slice(root.length)) || readAtRunTime.test(path),
})
chmodSync(join(next, 'cli.js'), 0o755)
rmSync(join(root, 'dist'), { recursive: true, force: true })
renameSync(next, join(root, 'dist'))
