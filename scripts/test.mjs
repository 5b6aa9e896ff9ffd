// `npm test`: makes the checkout ready and runs every test; arguments go to Vitest (`npm test -- src/stack`).
import { join } from 'node:path'
import { makeReady, root, run } from './ready.mjs'

await makeReady()
await run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)])
