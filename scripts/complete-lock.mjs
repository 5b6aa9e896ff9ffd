// Completes package-lock.json after `npm install`: packages for other platforms that the registry in use does not carry are left out by
// npm, and `npm ci` then refuses the file everywhere. They are entered by name and version; the platform is read from the name.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OS = /(?:^|-)(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|windows)(?:-|$)/
const CPU = /(?:^|-)(arm64|arm|x64|ia32|loong64|mips64el|ppc64le|ppc64|ppc|riscv64|s390x|wasm32)(?:-|$)/
const file = join(fileURLToPath(new URL('..', import.meta.url)), 'package-lock.json')
const lock = JSON.parse(readFileSync(file, 'utf8'))

let added = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (found(path, name)) continue
    const [version] = /\d+\.\d+\.\d+[\w.+-]*/.exec(range) ?? []
    const platform = name.slice(name.lastIndexOf('/') + 1)
    const os = OS.exec(platform)?.[1]
    const cpu = CPU.exec(platform)?.[1]
    if (version === undefined || (os === undefined && cpu === undefined)) continue
    const libc = /musl/.test(platform) ? ['musl'] : /-gnu/.test(platform) && os === 'linux' ? ['glibc'] : undefined
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(cpu ? { cpu: [cpu] } : {}),
      ...(entry.dev ? { dev: true } : {}),
      ...(libc ? { libc } : {}),
      license: entry.license,
      optional: true,
      ...(os ? { os: [os === 'windows' ? 'win32' : os] } : {}),
    }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} packages of other platforms entered`)

/** Where Node would find the package from there. */
function found(path, name) {
  for (let at = path; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
    if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]) return true
    if (at === '') return false
  }
}
