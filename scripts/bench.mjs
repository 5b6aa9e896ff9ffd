// `npm run bench [name]`: runs one measurement of bench/, or lists them. The files are TypeScript; esbuild (of Vite) strips the types.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeReady, root, run } from './ready.mjs'

const [name, ...args] = process.argv.slice(2)
const file = join(root, 'bench', `${name}.ts`)
if (name === undefined || !existsSync(file)) {
  const names = readdirSync(join(root, 'bench')).flatMap((entry) => (entry.endsWith('.ts') ? [entry.slice(0, -3)] : []))
  console.error(`Usage: npm run bench -- NAME\nThere are: ${names.join(', ')}`)
  process.exit(name === undefined ? 0 : 1)
}
await makeReady()
const { build } = await import('esbuild')
const out = mkdtempSync(join(root, 'node_modules', '.bench-'))
process.on('exit', () => rmSync(out, { recursive: true, force: true }))
await build({
  entryPoints: [file],
  outfile: join(out, `${name}.mjs`),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'error',
})
await run(process.execPath, [join(out, `${name}.mjs`), ...args], { env: { PLINTH_ROOT: root } })
